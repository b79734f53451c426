#include "rules/parse_rules.h"

#include <catch2/catch.hpp>

#include "rules/operations/layout_operation.h"

using namespace tenon;

namespace {

constexpr const char* kHead = "tenon: 1\nname: a\nabout: A test.\n";

RuleFile parsed(const std::string& body) {
  Diagnostics diagnostics;
  RuleFile out = parse_rules(kHead + body, "a.yaml", diagnostics);
  for (const auto& d : diagnostics.all()) FAIL_CHECK(render(d, false));
  return out;
}

// All that the parser says about a file, as its user reads it.
std::string said(const std::string& text) {
  Diagnostics diagnostics;
  parse_rules(text, "a.yaml", diagnostics);
  std::string out;
  for (const auto& d : diagnostics.all()) out += render(d, false);
  return out;
}

}  // namespace

TEST_CASE("a rule file is read") {
  const RuleFile file = parsed(
      "origin: transformers 5.17.0\n"
      "applies_to: {model_type: [a, b], architectures: AModel}\n"
      "base_model_prefix: model\n"
      "include:\n  - other\n  - {rules: third, scope_prefix: vision, base_model_prefix: model}\n"
      "transforms:\n"
      "  - WeightRenaming: {source_patterns: '^x\\.', target_patterns: y., forward_only: true}\n"
      "  - WeightConverter:\n"
      "      source_patterns: [e.*.g, e.*.u]\n"
      "      target_patterns: e.gu\n"
      "      operations: [MergeModulelist: {dim: 0}, Concatenate: {dim: 1, sizes: equal}]\n"
      "  - PrefixChange: {prefix_to_remove: model, model_prefix: vlm}\n"
      "keys: {AModel: [a.*.b], BModel: [c]}\n"
      "drop:\n  - {keys: ['**.inv_freq'], reason: recomputed}\n"
      "config: {set: {fusion_config.x: true}, remove: [quant]}\n"
      "silence:\n  - {finding: unescaped-dot, transform: 1, reason: on purpose}\n");
  CHECK(file.name == "a");
  CHECK(file.applies_to.model_types == std::vector<std::string>{"a", "b"});
  CHECK(file.applies_to.architectures == std::vector<std::string>{"AModel"});
  REQUIRE(file.includes.size() == 2);
  CHECK(file.includes[1].scope == Scope{"vision", "model"});
  REQUIRE(file.transforms.size() == 3);
  CHECK(file.transforms[0].forward_only);
  CHECK(file.transforms[0].from_registry);
  CHECK(to_string(file.transforms[1].operations[1]) == "Concatenate(dim=1)");
  CHECK(file.transforms[1].source_places[1].column == 32);
  CHECK(file.transforms[2].source_patterns.front() == "^vlm\\.model\\.(.+)$");
  CHECK(file.keys.at("AModel") == std::vector<std::string>{"a.*.b"});
  CHECK(file.drops.front().reason == "recomputed");
  CHECK(file.config_changes.size() == 2);
  CHECK(file.silences.front().transform == 1);
  CHECK_FALSE(file.is_family);
}

TEST_CASE("an unknown key is shown, with the nearest known one") {
  CHECK(said(std::string(kHead) + "transform: []\n") ==
        "a.yaml:4:1: error[yaml-unknown-key]: unknown key 'transform' in a rule file\n"
        "  transform: []\n"
        "  ^\n"
        "  Did you mean 'transforms'?\n");
}

TEST_CASE("an unknown operation is shown where it stands") {
  CHECK(said(std::string(kHead) + "transforms:\n"
                                  "  - WeightConverter:\n"
                                  "      source_patterns: a\n"
                                  "      target_patterns: b\n"
                                  "      operations: [Transpos: {dim0: 1}]\n") ==
        "a.yaml:8:20: error[rules-unknown-operation]: unknown operation 'Transpos'\n"
        "        operations: [Transpos: {dim0: 1}]\n" +
            std::string(21, ' ') +
            "^\n"
            "  Did you mean 'Transpose'?\n");
}

TEST_CASE("a pattern that does not compile is shown where it stands") {
  CHECK(said(std::string(kHead) +
             "transforms:\n  - WeightRenaming: {source_patterns: [a, '(b'], target_patterns: c}\n") ==
        "a.yaml:5:43: error[bad-pattern]: pattern '(b': missing closing parenthesis at character 3\n"
        "    - WeightRenaming: {source_patterns: [a, '(b'], target_patterns: c}\n" +
            std::string(44, ' ') + "^\n");
}

TEST_CASE("what is missing is said") {
  CHECK(said("tenon: 1\n") ==
        "a.yaml:1:1: error[yaml-missing-key]: a rule file needs the key 'name'\n"
        "  tenon: 1\n"
        "  ^\n"
        "a.yaml:1:1: error[yaml-missing-key]: a rule file needs the key 'about'\n"
        "  tenon: 1\n"
        "  ^\n");
}

TEST_CASE("all mistakes are reported at once") {
  const std::string all = said(
      "tenon: 1\nname: a\nabout: b\n"
      "transforms:\n"
      "  - WeightRename: {source_patterns: a, target_patterns: b}\n"
      "  - PrefixChange: {prefix_to_add: a, prefix_to_remove: b}\n"
      "  - WeightRenaming: {source_patterns: a, target_patterns: [b, c]}\n"
      "drop:\n  - {keys: [x]}\n");
  for (const char* const part :
       {"a.yaml:5:5: error[rules-unknown-transform]: unknown kind of transform 'WeightRename'",
        "a.yaml:6:19: error[rules-malformed]: a PrefixChange has exactly one",
        "a.yaml:7:21: error[rules-pattern-count]: a WeightRenaming of 1 sources to 2 targets",
        "a.yaml:9:5: error[yaml-missing-key]: a drop needs the key 'reason'"}) {
    INFO(all);
    CHECK(all.find(part) != std::string::npos);
  }
}

TEST_CASE("of a file of another version that alone is said") {
  CHECK(said("transforms: []\ntenon: 2\nnames: a\n") ==
        "a.yaml:2:8: error[rules-version]: format version 2; this tenon reads version 1\n"
        "  tenon: 2\n         ^\n  A newer tenon reads it.\n");
}

TEST_CASE("a tab is told") {
  CHECK(said("tenon: 1\ntransforms:\n\t- a\n").find("tabs") != std::string::npos);
  CHECK(said("tenon: 1\ntransforms: [\n").find("tabs") == std::string::npos);
}

TEST_CASE("what is no rule file at all") {
  CHECK(said("- a\n- b\n").find("a rule file is a map of keys") != std::string::npos);
  CHECK(said("a: [\n").find("error[yaml-malformed]: not valid YAML") != std::string::npos);
}

TEST_CASE("a transform that does not parse keeps its number") {
  Diagnostics diagnostics;
  const RuleFile file = parse_rules(std::string(kHead) +
                                        "transforms:\n  - Nothing: {}\n"
                                        "  - WeightRenaming: {source_patterns: a, target_patterns: b}\n",
                                    "a.yaml", diagnostics);
  REQUIRE(file.transforms.size() == 1);
  CHECK(file.transforms.front().id() == "a#1");
}
