#include <fmt/format.h>

#include "base/text.h"
#include "checkpoint/file.h"
#include "cli/commands.h"
#include "cli/console_observer.h"
#include "report/rules_report.h"
#include "rules/choose_rules.h"
#include "rules/library.h"
#include "rules/parse_rules.h"
#include "tasks/scaffold.h"

namespace tenon {
namespace {

Verdict list(const Options& options, Console& console) {
  const Library library = library_of(options);
  if (console.json()) {
    console.document(rules_list_json(library));
  } else {
    console.result(rules_list_text(library));
  }
  return Verdict::kHolds;
}

bool is_family(const Library& library, const std::string& name) {
  for (const auto& family : library.families()) {
    if (family.name == name) return true;
  }
  return false;
}

RuleFile read(const Library& library, const std::string& name) {
  Diagnostics diagnostics;
  RuleFile file = read_rule_file(
      is_family(library, name) ? library.locate_family(name) : library.locate_model(name), diagnostics);
  diagnostics.throw_if_errors();
  return file;
}

// Without a checkpoint the values that come from config.json stay open, and sub-models, which config.json
// names, are not there.
RuleSet flat_list(const RuleFile& file, const Library& library, const std::string& against,
                  Console& console) {
  if (file.is_family) return {};
  Diagnostics diagnostics;
  if (!against.empty()) {
    RuleSet flat = flatten(file, open_checkpoint(against).config, library, diagnostics);
    diagnostics.throw_if_errors();
    return flat;
  }
  RuleSet flat = flatten(file, nlohmann::ordered_json::object(), library, diagnostics);
  if (diagnostics.has_errors() || !file.submodels.empty()) {
    console.message(
        "note: parts of these rules depend on a checkpoint's config.json; --against CHECKPOINT fills them "
        "in");
  }
  return flat;
}

Verdict show_rules(const Options& options, Console& console) {
  const Library library = library_of(options);
  const RuleFile file = read(library, options.file);
  const RuleSet flat = flat_list(file, library, options.against, console);
  if (console.json()) {
    console.document(rules_show_json(file, flat));
  } else {
    console.result(rules_show_text(file, flat));
  }
  return Verdict::kHolds;
}

// A first draft for a person to go on with: the file to stdout, what it leaves open to stderr.
Verdict draft(const Options& options, Console& console) {
  ConsoleObserver observer(console);
  const ScaffoldReport report = scaffold(options, library_of(options), observer);
  if (options.output.empty()) {
    console.result(report.rule_file);
  } else {
    write_text_file(options.output, report.rule_file, false);
  }
  console.message(
      fmt::format("{} of {} kinds of fused keys explained", report.draft.explained, report.draft.kinds));
  for (const auto& kind : report.draft.differing)
    console.message(fmt::format("the bytes differ: {} of {}", kind, options.other));
  for (const auto& kind : report.draft.unexplained)
    console.message(fmt::format("not explained: {} of {}", kind, options.other));
  for (const auto& kind : report.draft.left_over)
    console.message(fmt::format("not used: {} of {}", kind, options.source));
  for (const auto& command : report.known)
    console.message(fmt::format("the library makes exactly the same: tenon {}", command));
  if (report.exact) {
    console.message(fmt::format("the draft converts {} to exactly {}", options.source, options.other));
  } else {
    for (const auto& text : report.shortfall)
      console.message(
          fmt::format("the draft does not make {} of {}: {}", options.other, options.source, text));
  }
  return report.exact ? Verdict::kHolds : Verdict::kFound;
}

}  // namespace

Command rules_command() {
  return {
      .name = "rules",
      .about = "List the rule library, show one rule file flattened, or draft a new one",
      .examples = R"(  tenon rules list                                  every model and every fusion family
  tenon rules list --json | jq -r '.models[].name'  for programs
  tenon rules show qwen3_moe                        its transforms, in order, and where each comes from
  tenon rules show llava --against llava-1.5-7b     with sub-models and values as this checkpoint has them
  tenon rules show ./my_rules.yaml                  a file of your own
  tenon rules scaffold original/ fused/ -o my.yaml  rules that turn the one into the other, as far as their bytes show)",
      .commands = {
          Command{
              .name = "rules list",
              .about = "Every rule file of the library, in a line each",
              .examples =
                  R"(  tenon rules list                                  every model and every fusion family
  tenon rules list --json | jq -r '.models[].name'  for programs)",
              .run = list},
          Command{
              .name = "rules show",
              .about = "One rule file, flattened",
              .examples =
                  R"(  tenon rules show qwen3_moe                        its transforms, in order, and where each comes from
  tenon rules show llava --against llava-1.5-7b     with sub-models and values as this checkpoint has them
  tenon rules show ./my_rules.yaml                  a file of your own)",
              .arguments = {{"NAME", "A name of the library, or a rule file", member_of<&Options::file>(),
                             Completes::kRules}},
              .run = show_rules},
          Command{
              .name = "rules scaffold",
              .about = "Draft rules from the bytes of two checkpoints",
              .examples =
                  R"(  tenon rules scaffold original/ fused/ -o my.yaml  rules that turn the one into the other, as far as their bytes show)",
              .arguments = {{"ORIGINAL", "The checkpoint as it is shipped", member_of<&Options::source>(),
                             Completes::kCheckpoint},
                            {"FUSED", "One in the layout that it should get", member_of<&Options::other>(),
                             Completes::kCheckpoint}},
              .run = draft}}};
}

}  // namespace tenon
