#include <fmt/format.h>

#include <functional>
#include <memory>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "report/rules_report.h"
#include "rules/choose_rules.h"
#include "rules/parse_rules.h"
#include "rules/scaffold.h"

namespace tenon {
namespace {

struct RulesFlags {
  std::function<Verdict(const RulesFlags&, Console&)> run;  // the subcommand
  std::string folder;
  std::string name = "draft";
  std::string against;
  std::string original;
  std::string fused;
  bool json = false;
};

Verdict list(const RulesFlags& flags, Console& console) {
  const Library library = library_at(flags.folder);
  if (flags.json) {
    console.json_result(rules_list_json(library));
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

Verdict show(const RulesFlags& flags, Console& console) {
  const Library library = library_at(flags.folder);
  const RuleFile file = read(library, flags.name);
  const RuleSet flat = flat_list(file, library, flags.against, console);
  if (flags.json) {
    console.json_result(rules_show_json(file, flat));
  } else {
    console.result(rules_show_text(file, flat));
  }
  return Verdict::kHolds;
}

// A first draft for a person to go on with: the file to stdout, what it leaves open to stderr.
Verdict scaffold(const RulesFlags& flags, Console& console) {
  const Scaffold draft = scaffold_rules(open_checkpoint(flags.original).tensors,
                                        open_checkpoint(flags.fused).tensors, flags.name);
  console.result(draft.rule_file);
  console.message(fmt::format("{} kinds of fused keys explained", draft.explained));
  for (const auto& kind : draft.unexplained)
    console.message(fmt::format("not explained: {} of {}", kind, flags.fused));
  for (const auto& kind : draft.left_over)
    console.message(fmt::format("not used: {} of {}", kind, flags.original));
  return draft.unexplained.empty() && draft.left_over.empty() ? Verdict::kHolds : Verdict::kFound;
}

}  // namespace

Command rules_command() {
  return {"rules", "List the rule library, show one rule file flattened, or draft a new one",
          R"(Examples:
  tenon rules list                                  every model and every fusion family
  tenon rules list --json | jq -r '.models[].name'  for programs
  tenon rules show qwen3_moe                        its transforms, in order, and where each comes from
  tenon rules show llava --against llava-1.5-7b     with sub-models and values as this checkpoint has them
  tenon rules show ./my_rules.yaml                  a file of your own
  tenon rules scaffold original/ fused/ > my.yaml   a first draft of rules, from the keys and shapes of two checkpoints)",
          [](CLI::App& app) -> Action {
            auto flags = std::make_shared<RulesFlags>();
            CLI::App* list_app = app.add_subcommand("list", "Every rule file of the library, in a line each");
            CLI::App* show_app = app.add_subcommand("show", "One rule file, flattened");
            show_app->add_option("NAME", flags->name, "A name of the library, or a rule file")
                ->required()
                ->option_text(" ");
            show_app
                ->add_option("--against", flags->against,
                             "A checkpoint: its config.json fills in values and sub-models")
                ->option_text("SRC");
            CLI::App* scaffold_app = app.add_subcommand("scaffold", "Draft rules from two checkpoints");
            scaffold_app->add_option("ORIGINAL", flags->original, "The checkpoint as it is shipped")
                ->required()
                ->option_text(" ");
            scaffold_app->add_option("FUSED", flags->fused, "One in the layout that it should get")
                ->required()
                ->option_text(" ");
            scaffold_app->add_option("--name", flags->name, "The rule file's name (default: draft)")
                ->option_text("NAME");
            for (CLI::App* sub : {list_app, show_app}) {
              sub->add_flag("--json", flags->json, "One JSON document");
              add_library_flag(*sub, flags->folder);
            }
            app.require_subcommand(1);
            // The parsers are gone when the action runs: what was asked for is noted while parsing.
            list_app->callback([flags] { flags->run = list; });
            show_app->callback([flags] { flags->run = show; });
            scaffold_app->callback([flags] { flags->run = scaffold; });
            return [flags](Console& console) { return flags->run(*flags, console); };
          }};
}

}  // namespace tenon
