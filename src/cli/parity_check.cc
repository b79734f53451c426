#include "cli/parity_check.h"

#include <fmt/format.h>

#include <map>
#include <vector>

#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "engine/hash_tensors.h"
#include "report/parity_record.h"
#include "report/verify_report.h"

namespace tenon {
namespace {

using Hashes = std::map<std::string, std::string>;

// Those of a checkpoint's tensors that a report names, against their hashes there.
VerifyReport check_tensors(const std::string& path, const Hashes& hashes) {
  Checkpoint checkpoint = open_checkpoint(path);
  std::erase_if(checkpoint.tensors, [&](const Tensor& tensor) { return !hashes.contains(tensor.key); });
  VerifyReport out;
  out.directory = path;
  out.tensors = hashes.size();
  for (const auto& tensor : checkpoint.tensors) out.bytes += tensor.bytes;
  EngineOptions options;
  options.hash = HashKind::kXxh3;
  const auto found = hash_tensors(checkpoint, options);
  Hashes missing = hashes;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const std::string& key = checkpoint.tensors[i].key;
    missing.erase(key);
    if (found[i].xxh3 != hashes.at(key))
      out.findings.push_back({key, fmt::format("its bytes have changed: {}; the report says {}",
                                               found[i].xxh3, hashes.at(key))});
  }
  for (const auto& [key, hash] : missing)
    out.findings.push_back({key, fmt::format("is missing in {}", path)});
  return out;
}

std::string text_of(const VerifyReport& side) {
  std::string out;
  for (const auto& finding : side.findings)
    out += fmt::format("{}: {}\n", visible(finding.key), visible(finding.what));
  return out + fmt::format("{}: {} ({} tensors, {} against the report)\n", visible(side.directory),
                           side.findings.empty() ? "as it was compared"
                                                 : fmt::format("{} differ", side.findings.size()),
                           side.tensors, human_bytes(side.bytes));
}

nlohmann::ordered_json json_of(const std::vector<VerifyReport>& sides, const ParityRecord& record,
                               bool holds) {
  nlohmann::ordered_json out = {{"holds", holds},
                                {"report_holds", record.holds},
                                {"modules", record.modules},
                                {"checkpoints", nlohmann::ordered_json::array()}};
  for (const auto& side : sides) out["checkpoints"].push_back(verify_json(side));
  return out;
}

}  // namespace

Verdict check_parity_report(const ParityCheckFlags& flags, Console& console) {
  const ParityRecord record = read_parity_report(flags.report);
  std::vector<VerifyReport> sides;
  sides.push_back(
      check_tensors(flags.original.empty() ? record.original : flags.original, record.original_hashes));
  const std::string& fused = flags.fused.empty() ? record.fused : flags.fused;
  if (!fused.empty()) sides.push_back(check_tensors(fused, record.fused_hashes));
  bool holds = record.holds;
  for (const auto& side : sides) holds = holds && side.findings.empty();
  if (flags.json) {
    console.json_result(json_of(sides, record, holds));
    return holds ? Verdict::kHolds : Verdict::kFound;
  }
  for (const auto& side : sides) console.result(text_of(side));
  console.result(fmt::format("{}: {}: {} modules{}\n", visible(flags.report), holds ? "HOLDS" : "FAILS",
                             record.modules,
                             record.holds ? "" : ", and its own verdict is that they do not agree"));
  return holds ? Verdict::kHolds : Verdict::kFound;
}

}  // namespace tenon
