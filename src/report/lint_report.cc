#include "report/lint_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/fields.h"
#include "base/text.h"
#include "lint/findings.h"
#include "report/junit.h"
#include "report/sarif.h"

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

struct LintFinding {
  const Diagnostic& what;
};

struct LintResult {
  const std::vector<Diagnostic>& findings;
  std::size_t files;

  std::ptrdiff_t of(Severity severity) const { return count(findings, severity); }
};

std::optional<int> known(int number) {
  return number > 0 ? std::optional(number) : std::nullopt;
}

std::optional<std::string> known(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

}  // namespace

template <>
struct FieldsOf<LintFinding> {
  static std::vector<Field<LintFinding>> fields() {
    return {
        field<LintFinding>(
            "id", [](const LintFinding& f) { return std::string(f.what.id.name()); },
            "What kind of finding: docs/errors.md has each"),
        field<LintFinding>(
            "level", [](const LintFinding& f) { return std::string(level_of(f.what.severity)); },
            "error, warning or note"),
        field<LintFinding>(
            "file", [](const LintFinding& f) { return f.what.place.file; }, "The rule file"),
        field<LintFinding>(
            "line", [](const LintFinding& f) { return known(f.what.place.line); }, "From 1"),
        field<LintFinding>(
            "column", [](const LintFinding& f) { return known(f.what.place.column); }, "From 1, in bytes"),
        field<LintFinding>(
            "inside", [](const LintFinding& f) { return known(f.what.place.inside); },
            "The transform or key within the file"),
        field<LintFinding>(
            "message", [](const LintFinding& f) { return f.what.message; }, "What is wrong"),
        field<LintFinding>(
            "hint", [](const LintFinding& f) { return known(f.what.hint); }, "What to do"),
    };
  }
};

template <>
struct FieldsOf<LintResult> {
  static std::vector<Field<LintResult>> fields() {
    return {
        field<LintResult>("files", &LintResult::files, "Rule files that were checked"),
        field<LintResult>(
            "errors", [](const LintResult& r) { return r.of(Severity::kError); }, "How many errors"),
        field<LintResult>(
            "warnings", [](const LintResult& r) { return r.of(Severity::kWarning); }, "How many warnings"),
        field<LintResult>(
            "notes", [](const LintResult& r) { return r.of(Severity::kNote); }, "How many notes"),
        field<LintResult>(
            "findings",
            [](const LintResult& r) {
              std::vector<LintFinding> all;
              for (const auto& d : r.findings) all.push_back({d});
              return all;
            },
            "All of them"),
    };
  }
};

Json lint_json(const std::vector<Diagnostic>& findings, std::size_t files) {
  return document_of(LintResult{findings, files});
}

Json lint_schema() {
  return document_schema<LintResult>("tenon lint --format json");
}

std::string lint_junit(const std::vector<Diagnostic>& findings, const std::vector<std::string>& files,
                       bool strict) {
  const Severity counts = strict ? Severity::kWarning : Severity::kError;
  std::vector<JUnitCase> cases;
  for (const std::string& file : files) {
    JUnitCase one;
    one.group = "tenon lint";
    one.name = file;
    for (const Diagnostic& finding : findings) {
      if (finding.place.file != file) continue;
      const std::string text = render(finding, false);
      if (finding.severity <= counts) {
        one.state = JUnitCase::State::kFailed;
        one.message += text;
      } else {
        one.output += text;
      }
    }
    cases.push_back(std::move(one));
  }
  return junit_xml("tenon lint", cases);
}

std::string lint_annotations(const std::vector<Diagnostic>& findings) {
  // Messages take line ends, properties no separators either.
  const auto escaped = [](std::string_view text, std::string_view special) {
    std::string out;
    for (const char c : text) {
      if (c == '%' || c == '\n' || c == '\r' || special.find(c) != std::string_view::npos) {
        out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
      } else {
        out += c;
      }
    }
    return out;
  };
  std::string out;
  for (const Diagnostic& d : findings) {
    const char* level = d.severity == Severity::kNote ? "notice" : level_of(d.severity);
    out += fmt::format("::{} file={}", level, escaped(d.place.file, ",:"));
    if (d.place.line > 0) out += fmt::format(",line={}", d.place.line);
    if (d.place.column > 0) out += fmt::format(",col={}", d.place.column);
    out += fmt::format(",title={}::{}", escaped(d.id.name(), ",:"), escaped(d.message, ""));
    if (!d.hint.empty()) out += "%0A" + escaped(d.hint, "");
    out += '\n';
  }
  return out;
}

Json lint_sarif(const std::vector<Diagnostic>& findings) {
  std::vector<SarifRule> rules;
  for (const auto& kind : finding_kinds())
    rules.push_back({std::string(kind.id.name()), std::string(kind.id.entry().about), kind.severity,
                     std::string(kind.id.entry().remedy)});
  return sarif_of("tenon lint", TENON_VERSION, rules, findings);
}

std::string lint_summary(const std::vector<Diagnostic>& findings, std::size_t files) {
  return fmt::format("{}: {}, {}, {}", counted(files, "file"),
                     counted(count(findings, Severity::kError), "error"),
                     counted(count(findings, Severity::kWarning), "warning"),
                     counted(count(findings, Severity::kNote), "note"));
}

}  // namespace tenon
