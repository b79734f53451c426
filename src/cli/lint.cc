#include "tasks/lint.h"

#include "cli/commands.h"
#include "report/lint_report.h"

namespace tenon {
namespace {

void print(const Options& options, const LintReport& report, Console& console) {
  const auto& findings = report.findings;
  if (options.format == "json") return console.json_result(lint_json(findings, report.files.size()));
  if (options.format == "sarif") return console.json_result(lint_sarif(findings));
  if (options.format == "junit") return console.result(lint_junit(findings, report.files, options.strict));
  if (options.format == "github") {
    console.result(lint_annotations(findings));
  } else {
    for (const auto& finding : findings) console.result(render(finding, console.colour()));
  }
  console.message(lint_summary(findings, report.files.size()));
}

Verdict run(const Options& options, Console& console) {
  const Library library = library_of(options);
  const LintReport report = lint_rules(options, library);
  print(options, report, console);
  return report.fails ? Verdict::kFound : Verdict::kHolds;
}

}  // namespace

Command lint_command() {
  return {
      .name = "lint",
      .about = "Check rule files, each claim with a key that shows it",
      .examples =
          R"(  tenon lint ./my_rules.yaml                        mistakes, loose patterns, what does not invert
  tenon lint ./my_rules.yaml --against Qwen3-30B    and what this checkpoint's keys and shapes say
  tenon lint rules/ --level warning                 a whole folder, without notes
  tenon lint rules/ --strict --format github        as annotations of a pull request
  tenon lint my_rules.yaml --strict --format sarif > lint.sarif    for other viewers that show findings on the line

Errors end with status 1; with --strict warnings do too; notes never. A finding that is meant is silenced in
the file, with its reason: silence: [{finding: unescaped-dot, transform: 2, reason: ...}])",
      .arguments = {{"RULE", "Rule files, names of the library, or folders of rule files",
                     member_of<&Options::names>(), Completes::kRules}},
      .run = run};
}

}  // namespace tenon
