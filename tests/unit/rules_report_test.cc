#include "report/rules_report.h"

#include <catch2/catch.hpp>

using namespace tenon;

namespace {

Transform renaming(const std::string& rule, std::vector<std::string> included_from) {
  Transform transform;
  transform.source_patterns = {"^a\\."};
  transform.target_patterns = {"b."};
  transform.rule = rule;
  transform.included_from = std::move(included_from);
  return transform;
}

}  // namespace

TEST_CASE("a rule file is shown flat, with where each transform came from") {
  RuleFile file;
  file.name = "child";
  file.about = "A child.";
  file.path = "rules/models/child.yaml";
  file.applies_to.model_types = {"child"};
  RuleSet flat;
  flat.transforms = {renaming("parent", {"child"}), renaming("child", {})};
  flat.transforms[1].kind = TransformKind::kPrefixChange;
  flat.transforms[1].prefix_to_remove = "model";
  flat.transforms[1].scope = Scope{"vision", "model"};
  flat.drops = {{{"**.inv_freq"}, "recomputed", {}, ""}};
  flat.config_changes = {{"x.y", 1}, {"z", std::nullopt}};
  CHECK(rules_show_text(file, flat) ==
        R"(child: A child.
  file           rules/models/child.yaml
  model types    child

2 transforms, in the order in which they apply:
  parent#0  WeightRenaming, included by child
      ^a\.
   -> b.
  child#0@model:vision  PrefixChange, only below model.vision
      remove model
  may leave out **.inv_freq (recomputed)
  config.json: set x.y to 1
  config.json: remove z
)");
  const auto json = rules_show_json(file, flat);
  CHECK(json["transforms"][0]["included_from"][0] == "child");
  CHECK(json["transforms"][1]["scope_prefix"] == "vision");
  CHECK(json["config"][1]["value"] == nullptr);
}
