#include "report/parity_check_report.h"

#include <fmt/format.h>

#include "base/text.h"
#include "report/verify_fields.h"

namespace tenon {
namespace {

std::string side_text(const VerifyReport& side) {
  std::string out;
  for (const auto& finding : side.findings)
    out += fmt::format("{}: {}\n", visible(finding.key), visible(finding.what));
  return out + fmt::format("{}: {} ({} tensors, {} against the report)\n", visible(side.directory),
                           side.findings.empty() ? "as it was compared"
                                                 : fmt::format("{} differ", side.findings.size()),
                           side.tensors, human_bytes(side.bytes));
}

}  // namespace

template <>
struct FieldsOf<ParityCheckResult> {
  static std::vector<Field<ParityCheckResult>> fields() {
    return {
        field<ParityCheckResult>(
            "holds", [](const ParityCheckResult& r) { return r.holds(); },
            "The report's own verdict holds, and the checkpoints are those that it speaks of"),
        field<ParityCheckResult>(
            "report_holds", [](const ParityCheckResult& r) { return r.record.holds; },
            "The report's own verdict"),
        field<ParityCheckResult>(
            "modules", [](const ParityCheckResult& r) { return r.record.modules; },
            "Modules that the report has"),
        field<ParityCheckResult>("checkpoints", &ParityCheckResult::sides,
                                 "The original, and the fused one where it is there, against the report"),
    };
  }
};

std::string parity_check_text(const std::string& report, const ParityCheckResult& result) {
  std::string out;
  for (const auto& side : result.sides) out += side_text(side);
  return out + fmt::format("{}: {}: {} modules{}\n", visible(report), result.holds() ? "HOLDS" : "FAILS",
                           result.record.modules,
                           result.record.holds ? "" : ", and its own verdict is that they do not agree");
}

nlohmann::ordered_json parity_check_json(const ParityCheckResult& result) {
  return document_of(result);
}

nlohmann::ordered_json parity_check_schema() {
  return document_schema<ParityCheckResult>("tenon parity --check --json");
}

}  // namespace tenon
