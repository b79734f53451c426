#include "rules/flatten.h"

#include <catch2/catch.hpp>

#include "rules/choose_rules.h"
#include "rules/operations/layout_operation.h"
#include "rules/parse_rules.h"
#include "rules_fixture.h"

using namespace tenon;
using Json = nlohmann::ordered_json;

namespace {

std::string renaming(const std::string& source) {
  return "transforms:\n  - WeightRenaming: {source_patterns: " + source + ", target_patterns: x}\n";
}

// The ids of the flat list, "!" and what went wrong at the end.
std::vector<std::string> flat_ids(const RuleFolder& folder, const std::string& name, const Json& config) {
  Diagnostics diagnostics;
  const Library library = folder.library();
  const RuleFile file = read_rule_file(library.locate_model(name), diagnostics);
  const RuleSet flat = flatten(file, config, library, diagnostics);
  std::vector<std::string> out;
  for (const auto& t : flat.transforms) out.push_back(t.id());
  for (const auto& d : diagnostics.all()) out.push_back("! " + d.message);
  return out;
}

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("includes come first, in order, and theirs before them") {
  const RuleFolder folder;
  folder.add("models", "a", renaming("a"));
  folder.add("models", "b", "include: [a]\n" + renaming("b"));
  folder.add("models", "c", renaming("c"));
  folder.add("models", "root", "include: [b, c]\n" + renaming("r"));
  CHECK(flat_ids(folder, "root", Json::object()) == Ids{"a#0", "b#0", "c#0", "root#0"});
}

TEST_CASE("an include may carry a scope") {
  const RuleFolder folder;
  folder.add("models", "a", renaming("a"));
  folder.add("models", "root", "include:\n  - {rules: a, scope_prefix: tower, base_model_prefix: model}\n");
  CHECK(flat_ids(folder, "root", Json::object()) == Ids{"a#0@model:tower"});
}

TEST_CASE("sub-models are scoped by their module, below the base model") {
  const RuleFolder folder;
  folder.add("models", "clip", "applies_to: {model_type: [clip]}\n" + renaming("c"));
  folder.add("models", "llama", "applies_to: {model_type: [llama]}\n" + renaming("l"));
  folder.add("models", "root",
             "base_model_prefix: model\n" + renaming("r") +
                 "submodels:\n  text_config: model.language_model\n  vision_config: {module: tower, rules: "
                 "{other: llama}}\n"
                 "  audio_config: ears\n");
  const Json config = {{"text_config", {{"model_type", "llama"}}},
                       {"vision_config", {{"model_type", "clip"}}}};
  CHECK(flat_ids(folder, "root", config) ==
        Ids{"root#0", "llama#0@model:language_model", "clip#0@model:tower"});
  const Json other = {{"vision_config", {{"model_type", "other"}}},
                      {"text_config", {{"model_type", "unknown"}}}};
  CHECK(flat_ids(folder, "root", other) == Ids{"root#0", "llama#0@model:tower"});
}

TEST_CASE("a part with the same config has its own rules, and parts nest") {
  const RuleFolder folder;
  folder.add("models", "eye", "applies_to: {model_type: [eye]}\n" + renaming("e"));
  folder.add("models", "inner", renaming("i") + "submodels: {vision_config: eye}\n");
  folder.add("models", "root",
             "base_model_prefix: model\nsubmodels:\n  '.': {module: model, rules: inner}\n");
  const Json config = {{"vision_config", {{"model_type", "eye"}}}};
  CHECK(flat_ids(folder, "root", config) == Ids{"inner#0@model:", "eye#0@model:eye"});
}

TEST_CASE("expressions are read from the part's own config") {
  const RuleFolder folder;
  folder.add("models", "part",
             "transforms:\n  - WeightConverter:\n      source_patterns: [a, b]\n      target_patterns: c\n"
             "      operations: [Concatenate: {dim: 0, sizes: ['${config.n}', 2]}]\n");
  folder.add("models", "root", "submodels:\n  text_config: {module: m, rules: part}\n");
  Diagnostics diagnostics;
  const Library library = folder.library();
  const RuleFile file = read_rule_file(library.locate_model("root"), diagnostics);
  const RuleSet flat = flatten(file, {{"n", 1}, {"text_config", {{"n", 7}}}}, library, diagnostics);
  REQUIRE(flat.transforms.size() == 1);
  CHECK(to_json(flat.transforms[0].operations[0])["Concatenate"]["sizes"] == Json({7, 2}));
  CHECK(flat_ids(folder, "root", Json::object()).back().find("! ") == 0);
}

TEST_CASE("files that include each other are an error, not a hang") {
  const RuleFolder folder;
  folder.add("models", "a", "include: [b]\n");
  folder.add("models", "b", "include: [a]\n");
  const auto ids = flat_ids(folder, "a", Json::object());
  REQUIRE(ids.size() == 1);
  CHECK(ids[0].find("levels deep: do the files include each other?") != std::string::npos);
}

TEST_CASE("an include that does not exist is named") {
  const RuleFolder folder;
  folder.add("models", "root", "include: [absent]\n");
  CHECK(flat_ids(folder, "root", Json::object()) == Ids{"! 'absent': no rule file of this name"});
}
