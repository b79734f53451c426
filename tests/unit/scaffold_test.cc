// A drafted rule file converts the one checkpoint into the other: its keys and shapes.
#include "lint/scaffold.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <map>

#include "plan_fixture.h"

using namespace tenon;
using namespace tenon::test;

namespace {

std::map<std::string, Shape> shapes_of(const std::vector<Tensor>& tensors) {
  std::map<std::string, Shape> out;
  for (const auto& t : tensors) out[t.key] = t.shape;
  return out;
}

void check_draft(const KeysAndShapes& original, const KeysAndShapes& fused) {
  const Checkpoint source = checkpoint_of(original);
  const Checkpoint wanted = checkpoint_of(fused);
  const Scaffold draft = scaffold_rules(source.tensors, wanted.tensors, "draft");
  INFO(draft.rule_file);
  CHECK(draft.unexplained.empty());
  CHECK(draft.left_over.empty());
  Diagnostics diagnostics;
  const RuleFile file = parse_rules(draft.rule_file, "draft.yaml", diagnostics);
  diagnostics.throw_if_errors();
  RuleSet rules;
  rules.transforms = file.transforms;
  const Plan plan = build_plan(source, rules, {});
  std::map<std::string, Shape> made;
  for (const auto& o : plan.outputs) made[o.key] = o.view.shape;
  CHECK(made == shapes_of(wanted.tensors));
}

}  // namespace

TEST_CASE("a draft finds renamings, stacked experts, joined and cut projections, and transposes") {
  KeysAndShapes original = {{"model.embed.weight", {32, 8}}};
  KeysAndShapes fused = {{"backbone.embed.weight", {32, 8}}};
  for (int l = 0; l < 3; ++l) {
    const std::string a = fmt::format("model.layers.{}.", l);
    for (int e = 0; e < 4; ++e) {
      original.push_back({fmt::format("{}moe.experts.{}.w1.weight", a, e), {24, 8}});
      original.push_back({fmt::format("{}moe.experts.{}.w3.weight", a, e), {24, 8}});
      original.push_back({fmt::format("{}moe.experts.{}.w2.weight", a, e), {8, 24}});
    }
    fused.push_back({a + "moe.experts.gate_up_proj", {4, 48, 8}});
    fused.push_back({a + "moe.experts.down_proj", {4, 8, 24}});
    for (const auto& [key, rows] : {std::pair("q", 16), std::pair("k", 4), std::pair("v", 4)}) {
      original.push_back({fmt::format("{}self_attn.{}_proj.weight", a, key), {rows, 8}});
    }
    fused.push_back({a + "self_attn.qkv_proj.weight", {24, 8}});
    original.push_back({a + "conv.weight", {5, 7}});
    fused.push_back({a + "conv.weight_t", {7, 5}});
    original.push_back({a + "in_proj.bias", {30}});
    fused.push_back({a + "x.bias", {10}});
    fused.push_back({a + "z.bias", {20}});
  }
  check_draft(original, fused);
}

TEST_CASE("a draft says what it cannot explain") {
  const Scaffold draft = scaffold_rules(checkpoint_of({{"a", {2}}, {"b", {3}}}).tensors,
                                        checkpoint_of({{"a", {2}}, {"c", {5, 5}}}).tensors, "x");
  CHECK(draft.unexplained == std::vector<std::string>{"c"});
  CHECK(draft.left_over == std::vector<std::string>{"b"});
  CHECK(draft.explained == 1);
}
