#include "report/lint_report.h"

#include <fmt/format.h>

#include <algorithm>

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

std::ptrdiff_t count(const std::vector<Diagnostic>& findings, Severity severity) {
  return std::count_if(findings.begin(), findings.end(),
                       [&](const auto& d) { return d.severity == severity; });
}

const char* level_of(Severity severity) {
  return severity == Severity::kError ? "error" : severity == Severity::kWarning ? "warning" : "note";
}

std::string counted(std::ptrdiff_t n, const char* what) {
  return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

}  // namespace

Json lint_json(const std::vector<Diagnostic>& findings, std::size_t files) {
  Json out = {{"files", files},
              {"errors", count(findings, Severity::kError)},
              {"warnings", count(findings, Severity::kWarning)},
              {"notes", count(findings, Severity::kNote)},
              {"findings", Json::array()}};
  for (const auto& d : findings) {
    Json one = {{"id", d.id}, {"level", level_of(d.severity)}, {"file", d.place.file}};
    if (d.place.line > 0) one["line"] = d.place.line;
    if (d.place.column > 0) one["column"] = d.place.column;
    if (!d.place.inside.empty()) one["inside"] = d.place.inside;
    one["message"] = d.message;
    if (!d.hint.empty()) one["hint"] = d.hint;
    out["findings"].push_back(std::move(one));
  }
  return out;
}

std::string lint_summary(const std::vector<Diagnostic>& findings, std::size_t files) {
  return fmt::format("{}: {}, {}, {}", counted(static_cast<std::ptrdiff_t>(files), "file"),
                     counted(count(findings, Severity::kError), "error"),
                     counted(count(findings, Severity::kWarning), "warning"),
                     counted(count(findings, Severity::kNote), "note"));
}

}  // namespace tenon
