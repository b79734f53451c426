// What a plan refuses, message by message, and what it accounts for.
#include "plan/build_plan.h"

#include <catch2/catch.hpp>

#include "plan/dump_plan.h"
#include "plan_fixture.h"

using namespace tenon;
using namespace tenon::test;
using Catch::Contains;

namespace {

const std::string kExperts = R"(transforms:
  - WeightConverter:
      source_patterns: ['experts\.*.w1\.weight', 'experts\.*.w3\.weight']
      target_patterns: experts.gate_up_proj
      operations: [MergeModulelist: {dim: 0}, Concatenate: {dim: 1, sizes: equal}]
)";

KeysAndShapes experts(int count) {
  KeysAndShapes out;
  for (int e = 0; e < count; ++e) {
    for (const char* const w : {"w1", "w3"})
      out.push_back({fmt::format("layers.0.experts.{}.{}.weight", e, w), {8, 4}});
  }
  return out;
}

std::string refusal(const KeysAndShapes& tensors, const std::string& yaml, Options options = {},
                    nlohmann::ordered_json config = nlohmann::ordered_json::object()) {
  const Checkpoint checkpoint = checkpoint_of(tensors, std::move(config));
  return error_of([&] { build_plan(checkpoint, rules_of(yaml, checkpoint), options); });
}

void leave_out(KeysAndShapes& tensors, const std::string& key) {
  std::erase_if(tensors, [&](const auto& t) { return t.first == key; });
}

}  // namespace

TEST_CASE("stacked experts: one plan, its copies, its accounting") {
  const Checkpoint checkpoint = checkpoint_of(experts(2));
  const Plan plan = build_plan(checkpoint, rules_of(kExperts, checkpoint), {});
  CHECK(golden_dump(plan, checkpoint) ==
        "to fused\n"
        "shard model.safetensors 392 bytes\n"
        "tensor layers.0.experts.gate_up_proj BF16 [2, 16, 4] shard 0 offset 136 by test#0\n"
        "  layers.0.experts.0.w1.weight +0 -> +0 32x(1,1)\n"
        "  layers.0.experts.0.w3.weight +0 -> +32 32x(1,1)\n"
        "  layers.0.experts.1.w1.weight +0 -> +64 32x(1,1)\n"
        "  layers.0.experts.1.w3.weight +0 -> +96 32x(1,1)\n");
  for (const auto& fate : plan.fates) CHECK(fate.kind == SourceFate::Kind::kConverted);
  CHECK(plan.facts.part_sizes.at("layers.0.experts.gate_up_proj") == std::vector<std::int64_t>{8, 8});
}

TEST_CASE("a gap in an expert list is refused") {
  auto tensors = experts(4);
  leave_out(tensors, "layers.0.experts.2.w1.weight");
  leave_out(tensors, "layers.0.experts.2.w3.weight");
  const std::string message = refusal(tensors, kExperts);
  CHECK_THAT(message, Contains("layers.0.experts.0.w1.weight: error[key-gap]: test#0") &&
                          Contains("the list experts\\.*.w1\\.weight has a gap: 2 of 0 to 3 missing"));
}

TEST_CASE("a list shorter than the config says is refused") {
  CHECK_THAT(refusal(experts(3), kExperts, {}, {{"num_experts", 4}}),
             Contains("3 experts, but config.json says 4"));
}

TEST_CASE("a missing partner is refused") {
  auto tensors = experts(2);
  leave_out(tensors, "layers.0.experts.1.w3.weight");
  CHECK_THAT(refusal(tensors, kExperts), Contains("lists of different lengths: 2 and 1 tensors"));
  leave_out(tensors, "layers.0.experts.0.w3.weight");
  CHECK_THAT(refusal(tensors, kExperts),
             Contains("nothing in the checkpoint matches experts\\.*.w3\\.weight") &&
                 Contains("layers.0.experts.0.w1.weight is there"));
}

TEST_CASE("two tensors that reach one key are refused, renamed or converted") {
  const std::string message =
      refusal({{"a.weight", {2}}, {"b.weight", {2}}},
              "transforms: [WeightRenaming: {source_patterns: ['^a\\.', '^b\\.'], target_patterns: c.}]");
  CHECK_THAT(
      message,
      Contains("c.weight: error[plan-keys-collide]: two tensors reach this key: a.weight; and b.weight"));
}

TEST_CASE("an uneven chunk is refused, one with sizes is not") {
  const std::string rule =
      "transforms: [WeightConverter: {source_patterns: qkv, target_patterns: [q, k, v], operations: [Chunk: "
      "{dim: 0SIZES}]}]";
  const auto with = [&](const std::string& sizes) {
    std::string text = rule;
    return text.replace(text.find("SIZES"), 5, sizes);
  };
  CHECK_THAT(refusal({{"qkv", {8, 2}}}, with("")),
             Contains("an extent of 8 does not divide into 3 equal parts"));
  CHECK(refusal({{"qkv", {8, 2}}}, with(", sizes: [4, 2, 2]")).empty());
  CHECK_THAT(refusal({{"qkv", {8, 2}}}, with(", sizes: [4, 2, 3]")),
             Contains("add up to 9, the tensor has 8"));
}

TEST_CASE("a joined tensor comes apart by its manifest, not by guessing") {
  const std::string yaml =
      "transforms: [WeightConverter: {source_patterns: [q, k, v], target_patterns: qkv, operations: "
      "[Concatenate: {dim: 0}]}]";
  const Checkpoint fused = checkpoint_of({{"qkv", {12, 2}}});
  CHECK_THAT(error_of([&] { build_plan(fused, rules_of(yaml, fused), back()); }),
             Contains("nothing says how large the joined parts were") && Contains("sizes: equal"));
  Checkpoint with_manifest = fused;
  with_manifest.manifest = Manifest{};
  with_manifest.manifest->layout = Layout::kFused;
  with_manifest.manifest->used_transforms = {"test#0"};
  with_manifest.manifest->facts.part_sizes = {{"qkv", {8, 2, 2}}};
  const Plan plan = build_plan(with_manifest, rules_of(yaml, with_manifest), back());
  CHECK(plan.outputs[0].view.shape == Shape{2, 2});
  CHECK(plan.outputs[1].view.shape == Shape{8, 2});
}

TEST_CASE("a transpose that checks dimensions decides by the declared shape, and not at all for a square") {
  const std::string yaml = R"(transforms:
  - WeightConverter: {source_patterns: '^w$', target_patterns: w, operations: [Transpose: {check_dims: true, target_shape: ['${config.a}', '${config.b}']}]}
)";
  const auto plan_of = [&](const Shape& shape, int a, int b, const Options& options) {
    const Checkpoint checkpoint = checkpoint_of({{"w", shape}}, {{"a", a}, {"b", b}});
    return build_plan(checkpoint, rules_of(yaml, checkpoint), options);
  };
  CHECK(plan_of({4, 6}, 4, 6, {}).facts.transposed.at("w") == false);
  CHECK(plan_of({6, 4}, 4, 6, {}).outputs[0].view.shape == Shape{4, 6});
  CHECK_THAT(
      error_of([&] {
        plan_of({4, 4}, 4, 4, {});
      }),
      Contains("[4, 4] fits the fused layout both as it is and transposed") && Contains("--assume-layout"));
  CHECK_THAT(error_of([&] { plan_of({5, 4}, 4, 6, {}); }), Contains("neither as it is nor transposed"));
  Options assumed;
  assumed.assume_layout = {{"w", false}};
  CHECK(plan_of({4, 4}, 4, 4, assumed).facts.transposed.at("w"));
}

TEST_CASE("a converted checkpoint is not converted twice, with a manifest or without") {
  Checkpoint fused = checkpoint_of({{"layers.0.experts.gate_up_proj", {2, 16, 4}}});
  CHECK_THAT(
      error_of([&] { build_plan(fused, rules_of(kExperts, fused), {}); }),
      Contains("this checkpoint is already in the fused layout") && Contains("published, nothing to do"));
  fused.manifest = Manifest{};
  fused.manifest->layout = Layout::kFused;
  CHECK_THAT(
      error_of([&] { build_plan(fused, rules_of(kExperts, fused), {}); }),
      Contains(
          "tenon-manifest.json: error[plan-already-there]: this checkpoint is already in the fused layout"));
}

TEST_CASE("a rule that must match says so when it does not") {
  CHECK_THAT(
      refusal({{"a", {2}}},
              "transforms: [WeightRenaming: {source_patterns: b, target_patterns: c, required: true}]"),
      Contains("must match, but matches no key of ckpt"));
}

TEST_CASE("rules that lose where things came from are refused, unless one way is enough") {
  const std::string yaml =
      "transforms: [WeightRenaming: {source_patterns: '^old\\.', target_patterns: new.}]";
  const KeysAndShapes tensors = {{"new.a", {2}}, {"old.b", {2}}};
  CHECK_THAT(refusal(tensors, yaml), Contains("new.a: error[plan-key-lost]: does not come back") &&
                                         Contains("which comes back as old.a") && Contains("--one-way"));
  Options one_way;
  one_way.one_way = true;
  CHECK(refusal(tensors, yaml, one_way).empty());
}

TEST_CASE("dropped keys carry their reason, and only they are left out") {
  const Checkpoint checkpoint = checkpoint_of({{"a.inv_freq", {4}}, {"b", {4}}});
  const Plan plan =
      build_plan(checkpoint, rules_of("drop: [{keys: ['**.inv_freq'], reason: recomputed}]", checkpoint), {});
  CHECK(plan.outputs.size() == 1);
  CHECK(plan.fates[0].kind == SourceFate::Kind::kDropped);
  CHECK(plan.fates[0].reason == "recomputed");
}

TEST_CASE("an absent config value names the expression and what to do") {
  CHECK_THAT(refusal({{"qkv", {8}}},
                     "transforms: [WeightConverter: {source_patterns: qkv, target_patterns: [q, k], "
                     "operations: [Chunk: {dim: 0, sizes: "
                     "['${config.hiden_size}', 4]}]}]",
                     {}, {{"hidden_size", 4}}),
             Contains("test.yaml:") && Contains("config has no 'hiden_size'") &&
                 Contains("Did you mean 'hidden_size'?"));
}

TEST_CASE("shards are filled in natural order up to their limit; a larger tensor stands alone") {
  Options options;
  options.max_shard_size = 40;
  const Checkpoint checkpoint = checkpoint_of({{"l.2", {8}}, {"l.10", {8}}, {"l.1", {64}}, {"l.3", {8}}});
  const Plan plan = build_plan(checkpoint, rules_of("", checkpoint), options);
  REQUIRE(plan.shards.size() == 3);
  CHECK(plan.shards[2].name == "model-00003-of-00003.safetensors");
  std::vector<std::uint32_t> shards;
  for (const auto& output : plan.outputs) shards.push_back(output.shard);
  CHECK(shards == std::vector<std::uint32_t>{0, 1, 1, 2});
  CHECK(plan.index_text.has_value());
}

TEST_CASE("elements smaller than a byte move in whole bytes or not at all") {
  const auto plan_of = [&](const std::string& yaml) {
    const Checkpoint checkpoint =
        checkpoint_of({{"w", {4, 4}}}, nlohmann::ordered_json::object(), DType::kF4);
    return build_plan(checkpoint, rules_of(yaml, checkpoint), {});
  };
  CHECK(plan_of("").outputs[0].bytes == 8);
  CHECK_THAT(error_of([&] {
               plan_of(
                   "transforms: [WeightConverter: {source_patterns: w, target_patterns: v, operations: "
                   "[Transpose: {}]}]");
             }),
             Contains("v: error[plan-sub-byte]: F4 [4, 4]: its elements do not fall on whole bytes here"));
}

TEST_CASE("config.json is edited on the way there and restored to the letter on the way back") {
  const std::string yaml = "config: {set: {fusion_config.patch: true}, remove: [gone]}";
  const Checkpoint checkpoint = checkpoint_of({{"a", {2}}}, {{"model_type", "x"}, {"gone", 3}});
  const Plan plan = build_plan(checkpoint, rules_of(yaml, checkpoint), {});
  CHECK(nlohmann::json::parse(*plan.config_text) ==
        nlohmann::json{{"model_type", "x"}, {"fusion_config", {{"patch", true}}}});
  Checkpoint fused = checkpoint;
  fused.config_text = *plan.config_text;
  fused.config = nlohmann::ordered_json::parse(*plan.config_text);
  fused.manifest = Manifest{};
  fused.manifest->layout = Layout::kFused;
  fused.manifest->config_edits = plan.config_edits;
  fused.manifest->config_before = plan.config_before;
  const Plan returned = build_plan(fused, rules_of(yaml, fused), back());
  CHECK(*returned.config_text == checkpoint.config_text);
}
