#include "tasks/parity_record.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/diagnostics.h"
#include "checkpoint/file.h"
#include "checkpoint/json_text.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 30;

void add_hashes(const Json& tensors, std::map<std::string, std::string>& hashes, const Place& place) {
  for (const auto& [key, hash] : tensors.items()) {
    const auto [at, added] = hashes.emplace(key, hash.get<std::string>());
    if (!added && at->second != hash.get<std::string>())
      throw UserError("parity-record-malformed"_id, place,
                      fmt::format("it has two hashes of '{}'", shown(key)));
  }
}

bool module_holds(const Json& module) {
  const Json& checks = module.at("checks");
  return checks.size() == 5 && std::all_of(checks.begin(), checks.end(),
                                           [](const Json& check) { return check.at("holds") == true; });
}

ParityRecord record_of(const Json& report, const Place& place) {
  if (report.at("report") != "parity")
    throw UserError("parity-record-malformed"_id, place, "it is no parity report");
  ParityRecord out;
  out.holds = report.at("holds");
  out.original = report.at("original");
  if (!report.at("fused").is_null()) out.fused = report.at("fused");
  out.modules = report.at("modules").size();
  bool all_hold = out.modules > 0;
  for (const auto& module : report.at("modules")) {
    all_hold = all_hold && module_holds(module);
    add_hashes(module.at("original_tensors"), out.original_hashes, place);
    add_hashes(module.at("fused_tensors"), out.fused_hashes, place);
  }
  if (out.holds != all_hold)
    throw UserError("parity-record-malformed"_id, place, "its verdict does not follow from its modules");
  return out;
}

}  // namespace

ParityRecord read_parity_report(const std::filesystem::path& path) {
  const Place place = place_of(path);
  if (!std::filesystem::exists(path))
    throw UserError("file-absent"_id, place, "there is no such file",
                    "tenon parity --report FOLDER writes one, report.json.");
  const Json report = parse_json(read_text_file(path, kMaxBytes), path.string());
  try {
    return record_of(report, place);
  } catch (const nlohmann::json::exception& exception) {
    throw UserError("parity-record-malformed"_id, place,
                    fmt::format("it is no parity report: {}", defect_of(exception)),
                    "tenon parity --report FOLDER writes one, report.json.");
  }
}

}  // namespace tenon
