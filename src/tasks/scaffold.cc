#include "tasks/scaffold.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "lint/scaffold.h"
#include "plan/build_plan.h"
#include "rules/choose_rules.h"
#include "rules/parse_rules.h"

namespace tenon {
namespace {

constexpr std::size_t kShownDifferences = 5;

bool has_keys_of(const Plan& plan, const Checkpoint& wanted) {
  return std::equal(plan.outputs.begin(), plan.outputs.end(), wanted.tensors.begin(), wanted.tensors.end(),
                    [](const PlannedTensor& o, const Tensor& t) {
                      return o.key == t.key && o.view.dtype == t.dtype && o.view.shape == t.shape;
                    });
}

// What the drafted rules make of the original, as `convert --rules` would.
void try_out(const Checkpoint& original, const Checkpoint& fused, const Library& library,
             const Observer& observer, ScaffoldReport& report) {
  try {
    Diagnostics diagnostics;
    const RuleFile file = parse_rules(report.draft.rule_file, "draft", diagnostics);
    diagnostics.throw_if_errors();
    const RuleSet rules = flatten(file, original.config, library, diagnostics);
    diagnostics.throw_if_errors();
    Options options;
    options.assume_layout = {{"**", false}};
    const Plan plan = build_plan(original, rules, options);
    const DraftDifferences found = differences_of(plan, original, fused, kShownDifferences, observer);
    report.exact = found.count == 0;
    report.shortfall = found.shown;
    if (found.count > found.shown.size())
      report.shortfall.push_back(fmt::format("and {} more", found.count - found.shown.size()));
  } catch (const UserError& error) {
    for (const Diagnostic& d : error.diagnostics()) {
      if (report.shortfall.size() < kShownDifferences && d.severity == Severity::kError)
        report.shortfall.push_back(fmt::format("it cannot be converted: {}{}{}", d.place.inside,
                                               d.place.inside.empty() ? "" : ": ", d.message));
    }
  }
}

// The library's own rules, alone and with each family, that make exactly the same.
std::vector<std::string> known_rules(const Checkpoint& original, const Checkpoint& fused,
                                     const Library& library, const Observer& observer) {
  std::vector<std::string> tried{""};
  for (const RuleFile& family : library.families()) tried.push_back(family.name);
  std::vector<std::string> out;
  for (const std::string& family : tried) {
    try {
      Options options;
      if (!family.empty()) options.fuse = {family};
      Checkpoint source = original;
      source.manifest.reset();
      const RuleSet rules = choose_rules(options, source, library);
      const Plan plan = build_plan(source, rules, options);
      if (has_keys_of(plan, fused) && differences_of(plan, source, fused, 1, observer).count == 0)
        out.push_back(family.empty() ? "convert" : "convert --fuse " + family);
    } catch (const UserError&) {  // it does not fit
    }
  }
  return out;
}

// Editors that know YAML check and complete by it.
std::string schema_line(const Library& library) {
  for (const auto& folder : library.folders()) {
    const auto schema = folder / "tenon-rules.schema.json";
    if (std::filesystem::exists(schema))
      return fmt::format("# yaml-language-server: $schema={}\n", schema.string());
  }
  return "";
}

std::string with_verdict(const ScaffoldReport& report, const Library& library) {
  std::string verdict;
  if (report.exact) {
    verdict = fmt::format("# It converts ORIGINAL to exactly FUSED: every byte of {} was compared.\n",
                          counted(report.tensors, "tensor"));
  } else {
    verdict = "# It does not yet convert ORIGINAL to FUSED:\n";
    for (const std::string& text : report.shortfall) verdict += "#   " + text + "\n";
  }
  std::string out = report.draft.rule_file;
  const std::size_t about = out.find("\nabout:");
  out.insert(out.find('\n', about + 1) + 1, verdict);
  return schema_line(library) + out;
}

}  // namespace

ScaffoldReport scaffold(const Options& options, const Library& library, Observer& observer) {
  const Checkpoint original = open_checkpoint(options.source);
  const Checkpoint fused = open_checkpoint(options.other);
  ScaffoldReport report;
  report.tensors = fused.tensors.size();
  if (original.headers_only || fused.headers_only) {
    const Scaffold guess = scaffold_rules(original.tensors, fused.tensors, options.name);
    report.draft.rule_file = guess.rule_file;
    report.draft.kinds = guess.explained + guess.unexplained.size();
    report.draft.explained = guess.explained;
    report.draft.unexplained = guess.unexplained;
    report.draft.left_over = guess.left_over;
    report.shortfall = {
        "only headers are there: no byte was compared, and the draft goes by names and shapes"};
    report.rule_file = with_verdict(report, library);
    return report;
  }
  report.draft = draft_by_bytes(original, fused, options.name, observer);
  try_out(original, fused, library, observer, report);
  report.rule_file = with_verdict(report, library);
  report.known = known_rules(original, fused, library, observer);
  return report;
}

}  // namespace tenon
