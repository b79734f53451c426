#include "rules/invert.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "rules/operations/registry.h"
#include "rules/parse_operation.h"

using namespace tenon;

namespace {

Operation operation(const std::string& text) {
  Diagnostics diagnostics;
  const YamlFile yaml(text, "operation.yaml", diagnostics);
  const auto parsed = parse_operation(yaml, yaml.root(), diagnostics);
  diagnostics.throw_if_errors();
  return parsed.value();
}

// Every operation that there is, with parameters of all kinds.
const std::vector<std::string>& examples() {
  static const std::vector<std::string> kExamples = {
      "Chunk: {dim: 1, num_shards_attribute: parts, sizes: equal}",
      "Chunk: {dim: -1, sizes: [3, 5], groups: 2}",
      "Concatenate: {dim: 1, sizes: [3, 5]}",
      "Concatenate: {dim: 0, groups: '${config.heads}'}",
      "MergeModulelist: {dim: 2, start: 3, stride: 6}",
      "SplitModulelist: {dim: -1, start: 1}",
      "Transpose: {dim0: 0, dim1: 2, check_dims: true, target_shape: [null, 4]}",
      "Permute: {dims: [2, 0, 1]}",
      "Reshape: {shape: [2, -1], from: [8, 2]}",
      "Reshape: {shape: [2, -1]}",
      "Interleave: {dim: 1, inverse: true}",
      "Pad: {dim: 0, to: 64, from: 50}",
      "Slice: {dim: 1, to: 3, any: true}",
      "Conv3dToLinear: {in_channels: 3, kernel_size: [2, 14, 14]}",
      "LinearToConv3d",
      "PermuteForRope: {subconfig_key: text_config, permute_layer_names: [q], inverse: true}",
      "PermuteForRope: {heads: 4, rotary_dim: 8}",
      "ErnieFuseAndSplitTextVisionExperts: {stack_dim: 0, concat_dim: 1}",
      "ErnieSplitAndDecoupleTextVisionExperts: {stack_dim: 1, concat_dim: 0}",
      "Cast: {dtype: F32, from: BF16, exact: true, overflow: torch}",
      "SubtractOne: {offset: 0.5}",
      "Reciprocal",
      "ConvertFP8LinearScale: {out_features: '${config.rows}', inverse: false, strategy: channel}",
      "Fp8Dequantize: {block_size: [128, '${config.block}'], dtype: BF16, overflow: nan}",
      "Fp8Quantize: {block_size: null, scale_fmt: ue8m0, scale_dtype: F32, formula: divide}",
      "ScaleDequantize: {type: int, strategy: group, group_size: 32, symmetric: false}",
      "ScaleQuantize: {type: float, strategy: block, block_structure: [8, 16], num_bits: 8}",
      "Mxfp4Dequantize: {transpose: false, dtype: F32}",
      "Mxfp4Quantize: {transpose: true, scale: floor, ties: even}",
      "PackedMxfp4Dequantize: {dtype: BF16}",
      "PackedMxfp4Quantize: {scale: even}",
      "Mxfp8Quantize: {scale: rceil}",
      "NVFP4Dequantize: {style: modelopt}",
      "NVFP4Quantize: {style: compressed-tensors}",
      "PackedDequantize: {num_bits: 4, strategy: group, group_size: 128, symmetric: true}",
      "PackedQuantize: {num_bits: 3, strategy: channel}",
      "UnpackInts: {layout: awq, num_bits: 4, dim: 1, size: 24, offset: -8, dtype: I8}",
      "PackInts: {layout: dense, num_bits: 5, dim: 0}",
      "AwqDequantize: {group_size: -1, zero_point: true, dtype: BF16}",
      "AwqQuantize: {group_size: 64}",
      "AwqToPacked: {group_size: 64}",
      "PackedToAwq: {group_size: -1, zero_point: false}",
      "GptqDequantize: {num_bits: 4, group_size: 128, format: gptq_v2}",
      "GptqQuantize: {num_bits: 8, group_size: 32}",
      "GptqToPacked: {num_bits: 4, group_size: 128, format: gptq_v2}",
      "PackedToGptq: {num_bits: 2, group_size: -1}",
      "MetalDequantize: {bits: 4, group_size: 64, bias_name: biases}",
      "MetalQuantize: {bits: 8, group_size: 32}",
  };
  return kExamples;
}

Operation random_operation(std::mt19937& random) {
  return operation(examples()[random() % examples().size()]);
}

Transform random_transform(std::mt19937& random) {
  Transform t;
  const std::vector<TransformKind> kinds = {TransformKind::kWeightRenaming, TransformKind::kGroupWeightRename,
                                            TransformKind::kPrefixChange, TransformKind::kWeightConverter};
  t.kind = kinds[random() % kinds.size()];
  if (t.kind == TransformKind::kPrefixChange) {
    (random() % 2 == 0 ? t.prefix_to_add : t.prefix_to_remove) = "model";
    t.model_prefix = random() % 2 == 0 ? "vlm" : "";
    derive_prefix_patterns(t);
    return t;
  }
  const std::size_t count = t.kind == TransformKind::kGroupWeightRename ? 3 : 1;
  for (std::size_t i = 0; i < count; ++i) {
    t.source_patterns.push_back("a" + std::to_string(i));
    t.target_patterns.push_back("b" + std::to_string(i));
  }
  std::shuffle(t.source_patterns.begin(), t.source_patterns.end(), random);
  std::shuffle(t.target_patterns.begin(), t.target_patterns.end(), random);
  for (std::size_t i = random() % 4; t.kind == TransformKind::kWeightConverter && i > 0; --i)
    t.operations.push_back(random_operation(random));
  return t;
}

// What an operation is, with every parameter that counts.
std::string spelled(const Operation& o) {
  return to_json(o).dump() + to_string(o);
}

}  // namespace

TEST_CASE("the inverse of the inverse is the transform") {
  std::mt19937 random(7);
  for (int i = 0; i < 500; ++i) {
    const Transform t = random_transform(random);
    const Transform once = invert(t);
    const Transform twice = invert(once);
    INFO(describe(t));
    CHECK(once.inverted);
    CHECK_FALSE(twice.inverted);
    CHECK(twice.source_patterns == t.source_patterns);
    CHECK(twice.target_patterns == t.target_patterns);
    CHECK(twice.prefix_to_add == t.prefix_to_add);
    CHECK(twice.prefix_to_remove == t.prefix_to_remove);
    REQUIRE(twice.operations.size() == t.operations.size());
    for (std::size_t o = 0; o < t.operations.size(); ++o)
      CHECK(spelled(twice.operations[o]) == spelled(t.operations[o]));
  }
}

TEST_CASE("each operation has its inverse") {
  const auto inverse = [](const std::string& text) { return to_string(invert(operation(text))); };
  CHECK(inverse("Chunk: {dim: 1}") == "Concatenate(dim=1)");
  CHECK(inverse("Concatenate: {dim: 1, groups: 4}") == "Chunk(dim=1, groups=4)");
  CHECK(inverse("MergeModulelist") == "SplitModulelist(dim=0)");
  CHECK(inverse("MergeModulelist: {start: 3, stride: 6}") == "SplitModulelist(dim=0, start=3, stride=6)");
  CHECK(inverse("Transpose: {dim0: 0, dim1: 2}") == "Transpose(dim0=2, dim1=0)");
  CHECK(inverse("Permute: {dims: [2, 0, 1]}") == "Permute(dims=[1, 2, 0])");
  CHECK(inverse("Reshape: {shape: [2, -1], from: [6, 4]}") == "Reshape(shape=[6, 4])");
  CHECK(inverse("Reshape: {shape: [2, -1]}") == "Reshape(to the shape before)");
  CHECK(inverse("Interleave: {dim: 1}") == "Interleave(dim=1, inverse)");
  CHECK(inverse("PermuteForRope: {heads: 2}") == "PermuteForRope(heads=2, inverse)");
  CHECK(inverse("Conv3dToLinear") == "LinearToConv3d");
  CHECK(inverse("Fp8Dequantize: {block_size: [8, 16], dtype: F32}") == "Fp8Quantize(block_size=[8,16])");
  CHECK(inverse("Mxfp4Quantize: {transpose: false, ties: even}") == "Mxfp4Dequantize(transpose=false)");
  CHECK(inverse("Mxfp8Quantize") == "ScaleDequantize(type=float, strategy=group, group_size=32)");
  CHECK(inverse("NVFP4Dequantize: {style: modelopt}") == "NVFP4Quantize(style=modelopt)");
  CHECK(inverse("AwqToPacked: {group_size: 64}") == "PackedToAwq(group_size=64)");
  CHECK(inverse("PackedToGptq: {num_bits: 8, group_size: 32, format: gptq_v2}") ==
        "GptqToPacked(num_bits=8, group_size=32, format=gptq_v2)");
  CHECK(inverse("ErnieFuseAndSplitTextVisionExperts") ==
        "ErnieSplitAndDecoupleTextVisionExperts(stack_dim=0, concat_dim=1)");
}

TEST_CASE("the examples here are of every operation, and come back from what they are written as") {
  std::set<std::string> left;
  for (const OperationRow* row : operation_rows()) left.insert(row->name);
  for (const auto& text : examples()) {
    const Operation o = operation(text);
    left.erase(std::string(name_of(o)));
    CHECK(spelled(operation(to_json(o).dump())) == spelled(o));
  }
  CHECK(left == std::set<std::string>{});
}

TEST_CASE("operations are inverted in reverse order") {
  Transform t;
  t.kind = TransformKind::kWeightConverter;
  t.source_patterns = {"a*.x", "a*.y"};
  t.target_patterns = {"b"};
  t.operations = {operation("MergeModulelist: {dim: 0}"), operation("Concatenate: {dim: 1}")};
  const Transform back = invert(t);
  CHECK(back.source_patterns == std::vector<std::string>{"b"});
  CHECK(to_string(back.operations[0]) == "Chunk(dim=1)");
  CHECK(to_string(back.operations[1]) == "SplitModulelist(dim=0)");
}

TEST_CASE("the pairs of a group are ordered so that the guard comes first") {
  Transform t;
  t.kind = TransformKind::kGroupWeightRename;
  t.source_patterns = {"norm1", "norm0"};
  t.target_patterns = {"norm2", "norm1"};
  const Transform back = invert(t);
  CHECK(back.source_patterns == std::vector<std::string>{"norm1", "norm2"});
  CHECK(back.target_patterns == std::vector<std::string>{"norm0", "norm1"});
}

TEST_CASE("a list is inverted from its end, without what is not kept and what is forward only") {
  std::vector<Transform> list(4);
  for (std::size_t i = 0; i < list.size(); ++i) {
    list[i].source_patterns = {"a" + std::to_string(i)};
    list[i].target_patterns = {"b" + std::to_string(i)};
  }
  list[1].forward_only = true;
  const auto back = invert(list, [](const Transform& t) { return t.source_patterns.front() != "a2"; });
  REQUIRE(back.size() == 2);
  CHECK(back[0].source_patterns.front() == "b3");
  CHECK(back[1].source_patterns.front() == "b0");
}
