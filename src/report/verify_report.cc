#include "report/verify_report.h"

#include <fmt/format.h>

#include "base/text.h"
#include "report/verify_fields.h"

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
  return document_of(report);
}

nlohmann::ordered_json verify_schema() {
  return document_schema<VerifyReport>("tenon verify --json");
}

}  // namespace tenon
