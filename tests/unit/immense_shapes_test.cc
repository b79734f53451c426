// Extents and counts that do not fit: a tensor without elements may state any, config.json too.
#include <catch2/catch.hpp>
#include <chrono>

#include "plan/dump_plan.h"
#include "plan_fixture.h"

using namespace tenon;
using namespace tenon::test;
using Catch::Contains;

namespace {

constexpr std::int64_t k2To62 = std::int64_t{1} << 62;
constexpr std::int64_t k2To40 = std::int64_t{1} << 40;

std::string refusal(const KeysAndShapes& tensors, const std::string& operations,
                    const nlohmann::ordered_json& config = nlohmann::ordered_json::object()) {
  const Checkpoint checkpoint = checkpoint_of(tensors, config);
  const std::string rules =
      "transforms:\n  - WeightConverter: {source_patterns: ['^a$', '^b$'], target_patterns: c, operations: "
      "[" +
      operations + "]}\n";
  return error_of([&] { build_plan(checkpoint, rules_of(rules, checkpoint), {}); });
}

std::string refusal_of_one(const Shape& shape, const std::string& operations,
                           const std::string& targets = "c",
                           const nlohmann::ordered_json& config = nlohmann::ordered_json::object()) {
  const Checkpoint checkpoint = checkpoint_of({{"a", shape}}, config);
  const std::string rules =
      "transforms:\n  - WeightConverter: {source_patterns: '^a$', target_patterns: " + targets +
      ", operations: [" + operations + "]}\n";
  return error_of([&] { build_plan(checkpoint, rules_of(rules, checkpoint), {}); });
}

}  // namespace

TEST_CASE("a tensor without elements passes whatever its extents are") {
  const Checkpoint checkpoint = checkpoint_of({{"a", {0, k2To62, k2To62}}, {"b", {2}}});
  const std::string rules = "transforms:\n  - WeightRenaming: {source_patterns: '^a$', target_patterns: z}\n";
  const Plan plan = build_plan(checkpoint, rules_of(rules, checkpoint), {});
  CHECK_THAT(golden_dump(plan, checkpoint),
             Contains("tensor z BF16 [0, 4611686018427387904, 4611686018427387904]"));
}

TEST_CASE("operations on extents that cannot be multiplied are refused") {
  const Shape shape = {0, k2To62, k2To62};
  for (const char* const operation :
       {"Transpose: {dim0: 0, dim1: 2}", "Interleave: {dim: 1}", "Chunk: {dim: 1, sizes: [1, 2]}",
        "SplitModulelist: {dim: 0}", "MergeModulelist: {dim: 1}", "Concatenate: {dim: 0}"}) {
    INFO(operation);
    CHECK_THAT(refusal_of_one(shape, operation),
               Contains("[0, 4611686018427387904, 4611686018427387904] is too large to compute with"));
  }
  const Shape half = {0, k2To62 / 2};
  CHECK_THAT(refusal({{"a", half}, {"b", half}}, "Concatenate: {dim: 1}"),
             Contains("is too large to compute with"));
  CHECK_THAT(refusal({{"a", half}, {"b", half}}, "MergeModulelist: {dim: 0}, Concatenate: {dim: 2}"),
             Contains("is too large to compute with"));
}

TEST_CASE("a tensor is not taken apart into more tensors than a model can have") {
  CHECK_THAT(refusal_of_one({k2To40, 0}, "SplitModulelist: {dim: 0}", "'c.*.w'"),
             Contains("it would make 1099511627776 tensors of one"));
  CHECK_THAT(
      refusal_of_one({k2To40, 0}, "Chunk: {dim: 0, num_shards_attribute: n}", "'c.*.w'", {{"n", k2To40}}),
      Contains("1099511627776 parts of one tensor"));
}

TEST_CASE("sizes and counts that do not fit are refused") {
  CHECK_THAT(
      refusal_of_one({8}, "Chunk: {dim: 0, sizes: [9223372036854775807, 9223372036854775807]}", "[c, d]"),
      Contains("add up to more than fits, the tensor has 8"));
  CHECK_THAT(refusal_of_one({8}, "PermuteForRope: {permute_layer_names: [a]}", "c",
                            {{"num_attention_heads", k2To62}}),
             Contains("does not split into 4611686018427387904 heads"));
  CHECK_THAT(
      error_of([] {
        const Checkpoint checkpoint =
            checkpoint_of({{"experts.0.w", {2, 2}}}, {{"num_experts", INT64_MAX}, {"zero_expert_num", 1}});
        const std::string rules =
            "transforms:\n  - WeightConverter: {source_patterns: 'experts.*.w', target_patterns: [e.w, f.w], "
            "operations: [ErnieFuseAndSplitTextVisionExperts: {}]}\n";
        build_plan(checkpoint, rules_of(rules, checkpoint), {});
      }),
      Contains("1 experts, but config.json says 9223372036854775807 times 2"));
}

TEST_CASE("more elements than offsets can count are refused") {
  const Checkpoint checkpoint = checkpoint_of({{"a", {k2To62 / 4}}, {"b", {k2To62 / 4}}, {"c", {1}}},
                                              nlohmann::ordered_json::object(), DType::kU8);
  CHECK_THAT(
      error_of([&] { build_plan(checkpoint, rules_of("transforms: []\n", checkpoint), {}); }),
      Contains("ckpt: c: error[plan-immense]: with U8 [1] the checkpoint has more than 2^61 elements"));
}

TEST_CASE("a tensor that falls into single elements is refused before it fills the memory") {
  constexpr std::int64_t kOdd = 531'441;
  CHECK_THAT(
      refusal_of_one({1, 2, 1, 1, kOdd},
                     "Transpose: {dim0: 1, dim1: 4}, Conv3dToLinear: {in_channels: 531441, kernel_size: [1, "
                     "1, 2]}, Interleave: {dim: 1, inverse: true}"),
      Contains("its elements would move in more than 262144 separate runs"));
}

TEST_CASE("edits of config.json that exclude each other are refused") {
  const Checkpoint checkpoint = checkpoint_of({{"a", {2}}}, {{"n", 1}});
  const auto rules = [&](const std::string& edits) {
    return error_of([&] { build_plan(checkpoint, rules_of("config: {" + edits + "}\n", checkpoint), {}); });
  };
  CHECK_THAT(
      rules("set: {a: 1, a.b: 2}"),
      Contains("ckpt/config.json: a.b: error[config-edit-blocked]: this key is to be edited, but the value"));
  CHECK_THAT(rules("set: {n.b: 2}"), Contains("ckpt/config.json: n.b: error[config-edit-blocked]: a rule "
                                              "edits this key, but the value above it"));
  std::string deep = "a";
  for (int i = 0; i < 5000; ++i) deep += ".a";
  CHECK_THAT(rules("remove: [" + deep + "]"), Contains("error[config-edit-blocked]: a rule edits this key"));
}

TEST_CASE("a way back that loses every key is reported in time") {
  KeysAndShapes tensors;
  for (int i = 0; i < 20'000; ++i) tensors.push_back({fmt::format("b.{}.q", i), {2}});
  const Checkpoint checkpoint = checkpoint_of(tensors);
  Options assumed;
  assumed.assume_layout = {{"**", false}};
  const auto begin = std::chrono::steady_clock::now();
  CHECK_THAT(error_of([&] {
               build_plan(
                   checkpoint,
                   rules_of("transforms:\n  - WeightRenaming: {source_patterns: q, target_patterns: b}\n",
                            checkpoint),
                   assumed);
             }),
             Contains("keys do not come back"));
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
}
