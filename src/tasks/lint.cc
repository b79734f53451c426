#include "tasks/lint.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "checkpoint/checkpoint.h"
#include "lint/check_against.h"
#include "lint/lint.h"
#include "rules/parse_rules.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;

Severity severity_of_level(const std::string& level) {
  return level == "error" ? Severity::kError : level == "warning" ? Severity::kWarning : Severity::kNote;
}

std::vector<fs::path> rule_files_in(const std::string& folder) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".yaml") out.push_back(entry.path());
  }
  if (out.empty())
    throw UserError("rules-none-here"_id, {folder, 0, 0, {}, "", ""}, "there is no rule file in this folder",
                    "Rule files end in .yaml; those in folders below it count.");
  std::sort(out.begin(), out.end());
  return out;
}

// A name of the library, model or family, a file, or a folder with all the rule files below it.
std::vector<fs::path> files_of(const Options& options, const Library& library) {
  std::vector<fs::path> out;
  for (const auto& name : options.names) {
    std::error_code ignored;
    if (fs::is_directory(name, ignored)) {
      const auto files = rule_files_in(name);
      out.insert(out.end(), files.begin(), files.end());
      continue;
    }
    const bool family = std::any_of(library.families().begin(), library.families().end(),
                                    [&](const RuleFile& f) { return f.name == name; });
    out.push_back(family ? library.locate_family(name) : library.locate_model(name));
  }
  return out;
}

std::vector<Diagnostic> findings_in(const fs::path& path, const Library& library,
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

}  // namespace

LintReport lint_rules(const Options& options, const Library& library) {
  std::optional<Checkpoint> checkpoint;
  if (!options.against.empty()) checkpoint = open_checkpoint(options.against);
  LintReport report;
  const auto files = files_of(options, library);
  for (const auto& path : files) {
    report.files.push_back(path.string());
    for (auto& finding : findings_in(path, library, checkpoint)) {
      if (finding.severity <= severity_of_level(options.level)) report.findings.push_back(std::move(finding));
    }
  }
  const Severity counts = options.strict ? Severity::kWarning : Severity::kError;
  report.fails = std::any_of(report.findings.begin(), report.findings.end(),
                             [&](const auto& d) { return d.severity <= counts; });
  return report;
}

}  // namespace tenon
