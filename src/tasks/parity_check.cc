#include "tasks/parity_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "checkpoint/checkpoint.h"
#include "engine/hash_tensors.h"

namespace tenon {
namespace {

using Hashes = std::map<std::string, std::string>;

// Those of a checkpoint's tensors that a report names, against their hashes there.
VerifyReport check_tensors(const std::string& path, const Hashes& hashes, Observer& observer) {
  Checkpoint checkpoint = open_checkpoint(path);
  std::erase_if(checkpoint.tensors, [&](const Tensor& tensor) { return !hashes.contains(tensor.key); });
  VerifyReport out;
  out.directory = path;
  out.tensors = hashes.size();
  for (const auto& tensor : checkpoint.tensors) out.bytes += tensor.bytes;
  EngineOptions options;
  options.hash = HashKind::kXxh3;
  options.stage = "hashing";
  const auto found = hash_tensors(checkpoint, options, observer);
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

}  // namespace

bool ParityCheckResult::holds() const {
  return record.holds && std::all_of(sides.begin(), sides.end(),
                                     [](const VerifyReport& side) { return side.findings.empty(); });
}

ParityCheckResult check_parity_report(const ParityCheckRequest& request, Observer& observer) {
  ParityCheckResult result{read_parity_report(request.report), {}};
  const ParityRecord& record = result.record;
  const std::string& original = request.original.empty() ? record.original : request.original;
  const std::string& fused = request.fused.empty() ? record.fused : request.fused;
  result.sides.push_back(check_tensors(original, record.original_hashes, observer));
  if (!fused.empty()) result.sides.push_back(check_tensors(fused, record.fused_hashes, observer));
  return result;
}

}  // namespace tenon
