#include "rules/family.h"

#include <catch2/catch.hpp>

#include "rules/key_rewriter.h"
#include "rules/parse_rules.h"

using namespace tenon;

namespace {

constexpr const char* kHead = "tenon: 1\nname: family\nabout: A test.\n";

constexpr const char* kGateUp =
    "fusable:\n"
    "  modules: ['**.mlp']\n"
    "  except: ['vision.**']\n"
    "  tensors:\n"
    "    gate_proj.weight: {shape: ['${config.inner}', null]}\n"
    "    up_proj.weight: {rank: 2}\n"
    "    gate_proj.bias: {rank: 1, optional: true}\n"
    "    up_proj.bias: {rank: 1, optional: true}\n"
    "  together: [[gate_proj.bias, up_proj.bias]]\n"
    "transforms:\n"
    "  - WeightConverter:\n"
    "      source_patterns: ['\\.gate_proj\\.weight$', '\\.up_proj\\.weight$']\n"
    "      target_patterns: '\\.gate_up_proj\\.weight$'\n"
    "      operations: [Concatenate: {dim: 0, sizes: equal}]\n";

RuleFile parsed(const std::string& body) {
  Diagnostics diagnostics;
  RuleFile out = parse_rules(kHead + body, "family.yaml", diagnostics);
  diagnostics.throw_if_errors();
  return out;
}

Checkpoint checkpoint_of(std::vector<std::pair<std::string, Shape>> tensors) {
  Checkpoint out;
  out.config = {{"inner", 8}};
  for (auto& [key, shape] : tensors) {
    Tensor tensor;
    tensor.key = key;
    tensor.shape = shape;
    out.tensors.push_back(tensor);
  }
  return out;
}

struct Applied {
  RuleSet set;
  std::vector<std::string> errors;
};

Applied applied_to(const std::string& body, const Checkpoint& checkpoint, RuleSet set = {}) {
  Applied out{std::move(set), {}};
  Diagnostics diagnostics;
  apply_family(parsed(body), Layout::kFused, checkpoint, out.set, diagnostics);
  for (const auto& d : diagnostics.all()) out.errors.push_back(d.message);
  return out;
}

Transform renaming(const std::string& source, const std::string& target) {
  Transform t;
  t.source_patterns = {source};
  t.target_patterns = {target};
  t.rule = "model";
  return t;
}

bool takes(const Transform& t, const std::string& key) {
  return KeyRewriter(t).apply(key).has_value();
}

}  // namespace

TEST_CASE("a family takes modules that hold what it asks for, and names the others") {
  const auto applied = applied_to(kGateUp, checkpoint_of({{"l.0.mlp.gate_proj.weight", {8, 4}},
                                                          {"l.0.mlp.up_proj.weight", {8, 4}},
                                                          {"l.1.mlp.gate_proj.weight", {6, 4}},
                                                          {"l.1.mlp.up_proj.weight", {6, 4}},
                                                          {"vision.0.mlp.gate_proj.weight", {8, 4}},
                                                          {"vision.0.mlp.up_proj.weight", {8, 4}}}));
  CHECK(applied.errors.empty());
  REQUIRE(applied.set.transforms.size() == 1);
  CHECK(takes(applied.set.transforms[0], "l.0.mlp.gate_proj.weight"));
  CHECK_FALSE(takes(applied.set.transforms[0], "l.1.mlp.gate_proj.weight"));
  CHECK_FALSE(takes(applied.set.transforms[0], "vision.0.mlp.gate_proj.weight"));
  REQUIRE(applied.set.notes.size() == 1);
  CHECK(applied.set.notes[0].find("family: leaves l.1.mlp alone: ") == 0);
}

TEST_CASE("a family with no module to fuse is an error") {
  const auto applied = applied_to(kGateUp, checkpoint_of({{"l.0.mlp.gate_proj.weight", {8, 4}}}));
  CHECK(applied.errors == std::vector<std::string>{"family 'family' fits no module of this checkpoint"});
}

TEST_CASE("tensors that belong together are all there or none") {
  const auto applied = applied_to(kGateUp, checkpoint_of({{"l.0.mlp.gate_proj.weight", {8, 4}},
                                                          {"l.0.mlp.up_proj.weight", {8, 4}},
                                                          {"l.0.mlp.gate_proj.bias", {8}}}));
  CHECK(applied.errors.size() == 1);
}

TEST_CASE("a condition on the config must hold") {
  const std::string family =
      "fusable: {modules: [m], tensors: {w: {rank: 1}}, when: ['${config.inner == 9}']}\n"
      "transforms:\n  - WeightRenaming: {source_patterns: w, target_patterns: v}\n";
  const auto applied = applied_to(family, checkpoint_of({{"m.w", {1}}}));
  CHECK(applied.errors ==
        std::vector<std::string>{"family 'family' wants ${config.inner == 9}, which does not hold"});
}

TEST_CASE("a family goes before or after the model's own transforms") {
  RuleSet model;
  model.transforms = {renaming("a", "b")};
  const std::string body = "transforms:\n  - WeightRenaming: {source_patterns: w, target_patterns: v}\n";
  const auto rules_of = [](const RuleSet& set) {
    std::vector<std::string> out;
    for (const auto& t : set.transforms) out.push_back(t.rule);
    return out;
  };
  CHECK(rules_of(applied_to("position: before\n" + body, Checkpoint(), model).set) ==
        std::vector<std::string>{"family", "model"});
  CHECK(rules_of(applied_to("position: after\n" + body, Checkpoint(), model).set) ==
        std::vector<std::string>{"model", "family"});
}

TEST_CASE("a filter drops the transforms that it finds, by source or target") {
  RuleSet model;
  model.transforms = {renaming("x", "experts"), renaming("experts.w", "y"), renaming("a", "b")};
  const auto applied = applied_to("filter: [experts]\n", Checkpoint(), model);
  REQUIRE(applied.set.transforms.size() == 1);
  CHECK(applied.set.transforms[0].source_patterns.front() == "a");
  CHECK(applied.set.filtering_families == std::vector<std::string>{"family"});
}

TEST_CASE("a family that takes what another transform takes is in conflict") {
  RuleSet model;
  model.transforms = {renaming("w", "y")};
  const auto applied = applied_to(
      "position: before\ntransforms:\n  - WeightRenaming: {source_patterns: w, target_patterns: v}\n", {},
      model);
  REQUIRE(applied.errors.size() == 1);
  CHECK(applied.errors[0].find("family 'family' is in conflict with model#0") == 0);
}
