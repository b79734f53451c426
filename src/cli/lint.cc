#include "rules/lint.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

#include "checkpoint/checkpoint.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "plan/lint_against.h"
#include "report/lint_report.h"
#include "report/sarif.h"
#include "rules/parse_rules.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;

struct LintFlags {
  std::vector<std::string> rules;
  std::string against;
  std::string format = "text";
  std::string level = "note";
  bool strict = false;
  std::string folder;
};

Severity severity_of(const std::string& level) {
  return level == "error" ? Severity::kError : level == "warning" ? Severity::kWarning : Severity::kNote;
}

// A name of the library, model or family, a file, or a folder with all the rule files below it.
std::vector<fs::path> files_of(const LintFlags& flags, const Library& library) {
  std::vector<fs::path> out;
  for (const auto& name : flags.rules) {
    std::error_code ignored;
    if (fs::is_directory(name, ignored)) {
      const auto before = static_cast<std::ptrdiff_t>(out.size());
      for (const auto& entry : fs::recursive_directory_iterator(name)) {
        if (entry.path().extension() == ".yaml") out.push_back(entry.path());
      }
      std::sort(out.begin() + before, out.end());
      continue;
    }
    const bool family = std::any_of(library.families().begin(), library.families().end(),
                                    [&](const RuleFile& f) { return f.name == name; });
    out.push_back(family ? library.locate_family(name) : library.locate_model(name));
  }
  return out;
}

std::vector<Diagnostic> lint(const fs::path& path, const Library& library,
                             const std::optional<Checkpoint>& checkpoint) {
  Diagnostics parsed;
  Findings findings;
  const RuleFile file = read_rule_file(path, parsed);
  findings.add(parsed);
  if (!parsed.has_errors()) {
    lint_file(file, library, findings);
    if (checkpoint) lint_against(file, library, *checkpoint, findings);
  }
  return settle(file, findings, checkpoint.has_value());
}

void print(const LintFlags& flags, const std::vector<Diagnostic>& findings, std::size_t files,
           Console& console) {
  if (flags.format == "json") {
    console.json_result(lint_json(findings, files));
    return;
  }
  if (flags.format == "sarif") {
    std::vector<SarifRule> rules;
    for (const auto& kind : finding_kinds())
      rules.push_back({std::string(kind.id), std::string(kind.about), kind.severity});
    console.json_result(sarif_of("tenon lint", TENON_VERSION, rules, findings));
    return;
  }
  for (const auto& finding : findings) console.result(render(finding, console.colour()));
  console.message(lint_summary(findings, files));
}

Verdict run(const LintFlags& flags, Console& console) {
  const Library library = library_at(flags.folder);
  std::optional<Checkpoint> checkpoint;
  if (!flags.against.empty()) checkpoint = open_checkpoint(flags.against);
  const auto files = files_of(flags, library);
  std::vector<Diagnostic> findings;
  for (const auto& path : files) {
    for (auto& finding : lint(path, library, checkpoint)) {
      if (finding.severity <= severity_of(flags.level)) findings.push_back(std::move(finding));
    }
  }
  print(flags, findings, files.size(), console);
  const Severity counts = flags.strict ? Severity::kWarning : Severity::kError;
  const bool found =
      std::any_of(findings.begin(), findings.end(), [&](const auto& d) { return d.severity <= counts; });
  return found ? Verdict::kFound : Verdict::kHolds;
}

}  // namespace

Command lint_command() {
  return {"lint", "Check rule files, each claim with a key that shows it",
          R"(Examples:
  tenon lint ./my_rules.yaml                        mistakes, loose patterns, what does not invert
  tenon lint ./my_rules.yaml --against Qwen3-30B    and what this checkpoint's keys and shapes say
  tenon lint rules/ --level warning                 a whole folder, without notes
  tenon lint my_rules.yaml --strict --format sarif > lint.sarif    for a CI that shows findings on the line

Errors end with status 1; with --strict warnings do too; notes never. A finding that is meant is silenced in
the file, with its reason: silence: [{finding: unescaped-dot, transform: 2, reason: ...}])",
          [](CLI::App& app) -> Action {
            auto flags = std::make_shared<LintFlags>();
            app.add_option("RULE", flags->rules, "Rule files, names of the library, or folders of rule files")
                ->required();
            app.add_option("--against", flags->against, "A checkpoint that the rules are for");
            app.add_option("--format", flags->format, "text, json or sarif")
                ->check(CLI::IsMember({"text", "json", "sarif"}));
            app.add_option("--level", flags->level, "The least that is shown: error, warning or note")
                ->check(CLI::IsMember({"error", "warning", "note"}));
            app.add_flag("--strict", flags->strict, "Warnings count: status 1");
            add_library_flag(app, flags->folder);
            return [flags](Console& console) { return run(*flags, console); };
          }};
}

}  // namespace tenon
