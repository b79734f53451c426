#include "plan/companions.h"

#include <catch2/catch.hpp>

#include "plan_fixture.h"

namespace tenon {
namespace {

using Catch::Contains;
using test::checkpoint_of;
using test::error_of;
using test::rules_of;

const char* const kStackDown =
    "transforms: [WeightConverter: {source_patterns: 'experts\\.*.down\\.weight', target_patterns: "
    "experts.down, operations: [MergeModulelist: {dim: 0}]}]";
const char* const kJoin =
    "transforms: [WeightConverter: {source_patterns: ['experts\\.*.a\\.weight', 'experts\\.*.b\\.weight'], "
    "target_patterns: experts.ab, operations: [MergeModulelist: {dim: 0}, Concatenate: {dim: 1, sizes: "
    "equal}]}]";

std::string refusal(const Checkpoint& checkpoint, const char* rules, const Options& options = {}) {
  RuleSet set = rules_of(rules, checkpoint);
  for (auto& t : set.transforms) t.from_library = true;
  return error_of([&] { build_plan(checkpoint, set, options); });
}

TEST_CASE("companions: what a tensor is to its weight, by its name") {
  CHECK(companion_of("a.b.weight_scale_inv")->kind == CompanionKind::kScale);
  CHECK(companion_of("a.b.weight_shape")->module == "a.b");
  CHECK(companion_of("a.b.weight.quant_state.bitsandbytes__nf4")->module == "a.b");
  CHECK(companion_of("a.b.weight.quant_state.bitsandbytes__nf4")->kind == CompanionKind::kState);
  CHECK_FALSE(companion_of("a.b.A_log"));
  CHECK(stacked_companion_of("e.gate_up_proj_scale_inv")->module == "e.gate_up_proj");
  CHECK_FALSE(stacked_companion_of("e.gate_up_proj"));
}

TEST_CASE("companions: a bias that would stay below a module whose weight goes is refused, or left") {
  const Checkpoint checkpoint = checkpoint_of(
      {{"experts.0.down.weight", {4, 4}}, {"experts.1.down.weight", {4, 4}}, {"experts.0.down.bias", {4}}});
  CHECK_THAT(refusal(checkpoint, kStackDown), Contains("experts.0.down.bias") &&
                                                  Contains("experts.0.down.weight") &&
                                                  Contains("--allow-left-behind"));
  Options options;
  options.allow_left_behind = true;
  CHECK(refusal(checkpoint, kStackDown, options).empty());
}

TEST_CASE("companions: scales of one element stack to [experts, parts], scalars or not, and come back") {
  for (const Shape& shape : {Shape{}, Shape{1}}) {
    test::KeysAndShapes tensors;
    for (const char* key : {"experts.0.a", "experts.0.b", "experts.1.a", "experts.1.b"}) {
      tensors.push_back({std::string(key) + ".weight", {4, 4}});
      tensors.push_back({std::string(key) + ".weight_scale", shape});
    }
    const Checkpoint checkpoint = checkpoint_of(tensors);
    const Plan plan = build_plan(checkpoint, rules_of(kJoin, checkpoint), {});
    REQUIRE(plan.outputs.size() == 2);
    CHECK(plan.outputs[1].key == "experts.ab_scale");
    CHECK(plan.outputs[1].view.shape == Shape{2, 2});
  }
}

TEST_CASE("companions: a join within a block is refused with the scale, the block and the rows") {
  const nlohmann::ordered_json config = {
      {"quantization_config", {{"quant_method", "fp8"}, {"weight_block_size", {12, 12}}}}};
  const Checkpoint checkpoint = checkpoint_of({{"experts.0.a.weight", {16, 12}},
                                               {"experts.0.b.weight", {16, 12}},
                                               {"experts.0.a.weight_scale_inv", {2, 1}},
                                               {"experts.0.b.weight_scale_inv", {2, 1}}},
                                              config);
  CHECK_THAT(refusal(checkpoint, kJoin), Contains("experts.0.a.weight_scale_inv") && Contains("block") &&
                                             Contains("12") && Contains("16"));
}

TEST_CASE("companions: shapes are never joined") {
  const Checkpoint checkpoint = checkpoint_of({{"experts.0.a.weight_packed", {4, 4}},
                                               {"experts.0.b.weight_packed", {4, 4}},
                                               {"experts.0.a.weight_shape", {2}},
                                               {"experts.0.b.weight_shape", {2}}});
  CHECK_THAT(refusal(checkpoint, kJoin), Contains("experts.0.a.weight_shape"));
}

TEST_CASE("companions: a method that the rules do not know is refused by its name") {
  const Checkpoint checkpoint =
      checkpoint_of({{"experts.0.down.qweight", {4, 4}}, {"experts.0.down.scales", {1, 4}}},
                    {{"quantization_config", {{"quant_method", "gptq"}}}});
  CHECK_THAT(refusal(checkpoint, kStackDown), Contains("gptq") && Contains("experts.0.down.qweight"));
}

TEST_CASE("layers: one that config.json counts and is not there is refused, draft layers are not") {
  const char* const rename = "transforms: [WeightRenaming: {source_patterns: '^old', target_patterns: new}]";
  const auto with = [](std::vector<int> layers) {
    test::KeysAndShapes tensors = {{"old.weight", {2}}};
    for (const int i : layers) tensors.push_back({fmt::format("model.layers.{}.w.weight", i), {2}});
    return checkpoint_of(tensors, {{"num_hidden_layers", 3}});
  };
  CHECK(refusal(with({0, 1, 2, 3}), rename).empty());
  CHECK_THAT(refusal(with({0, 2}), rename), Contains("model.layers.1") && Contains("--allow-missing-layers"));
  Options options;
  options.allow_missing_layers = true;
  CHECK(refusal(with({0, 2}), rename, options).empty());
}

}  // namespace
}  // namespace tenon
