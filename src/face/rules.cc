#include "tenon/rules.h"

#include "checkpoint/checkpoint.h"
#include "face/inside.h"
#include "face/options.h"
#include "lint/scaffold.h"
#include "report/lint_report.h"
#include "report/rules_report.h"
#include "rules/library.h"
#include "tasks/lint.h"

namespace tenon::v0 {
namespace {

std::vector<RuleEntry> entries_of(const std::vector<RuleFile>& files) {
  std::vector<RuleEntry> out;
  for (const RuleFile& file : files)
    out.push_back({file.name, file.about, file.applies_to.model_types, file.applies_to.architectures});
  return out;
}

}  // namespace

RuleLibrary rule_library(const RulesListOptions& options) {
  return face::outside([&] {
    const Library library = library_of(face::inner(options));
    return RuleLibrary{library.folder().string(), entries_of(library.models()),
                       entries_of(library.families()), face::text_of(rules_list_json(library))};
  });
}

LintResult lint(const std::vector<std::string>& rules, const LintOptions& options) {
  return face::outside([&] {
    Options inner = face::inner(options);
    inner.names = rules;
    const LintReport report = lint_rules(inner, library_of(inner));
    LintResult out;
    out.files = report.files.size();
    out.findings = face::told(report.findings);
    out.fails = report.fails;
    for (const Diagnostic& finding : out.findings) out.text += finding.text;
    out.text += lint_summary(report.findings, report.files.size()) + "\n";
    out.json = face::text_of(lint_json(report.findings, report.files.size()));
    out.sarif = face::text_of(lint_sarif(report.findings));
    return out;
  });
}

Draft scaffold(const std::filesystem::path& original, const std::filesystem::path& fused,
               const std::string& name) {
  return face::outside([&] {
    const Scaffold draft =
        scaffold_rules(open_checkpoint(original).tensors, open_checkpoint(fused).tensors, name);
    return Draft{draft.rule_file, draft.unexplained, draft.left_over};
  });
}

}  // namespace tenon::v0
