#include "report/verify_report.h"

#include <fmt/format.h>

#include "base/text.h"

namespace tenon {

std::string verify_text(const VerifyReport& report) {
  std::string out;
  for (const auto& finding : report.findings) {
    out += fmt::format("{}: {}\n", visible(finding.key), visible(finding.what));
  }
  std::string checked = !report.hashed  ? "the names, dtypes and shapes in its manifest"
                        : report.sha256 ? "XXH3 and SHA-256 in its manifest"
                                        : "its manifest";
  if (!report.against.empty()) checked += " and " + visible(report.against);
  std::string what = fmt::format("{} tensors", report.tensors);
  if (report.side_files > 0) what += fmt::format(" and {} side files", report.side_files);
  return out +
         fmt::format("{}: {} ({}, {} against {})\n", visible(report.directory),
                     report.findings.empty() ? "verified" : fmt::format("{} wrong", report.findings.size()),
                     what, human_bytes(report.bytes), checked);
}

nlohmann::ordered_json verify_json(const VerifyReport& report) {
  nlohmann::ordered_json out = {{"directory", report.directory},
                                {"against", report.against},
                                {"verified", report.findings.empty()},
                                {"tensors", report.tensors},
                                {"side_files", report.side_files},
                                {"bytes", report.bytes},
                                {"bytes_from_memory", report.bytes_from_memory},
                                {"hashed", report.hashed},
                                {"sha256", report.sha256},
                                {"findings", nlohmann::ordered_json::array()}};
  for (const auto& finding : report.findings) {
    out["findings"].push_back({{"key", finding.key}, {"what", finding.what}});
  }
  return out;
}

}  // namespace tenon
