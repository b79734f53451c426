#include "rules/operations/value_rows.h"

#include <algorithm>
#include <cctype>

namespace tenon {
namespace {

using Kind = ValueParameterKind;

ValueParameterRow dtype(std::string about = "Of what it makes.") {
  return {"dtype", Kind::kDType, std::move(about)};
}
ValueParameterRow overflow() {
  return {"overflow",
          Kind::kWord,
          "What becomes of numbers beyond the largest: `error` (default), `torch` or `nan`.",
          {"error", "torch", "nan"}};
}
ValueParameterRow whole(const char* name, const char* about) {
  return {name, Kind::kWhole, about};
}
ValueParameterRow flag(const char* name, const char* about) {
  return {name, Kind::kFlag, about};
}
ValueParameterRow word(const char* name, const char* about, std::vector<std::string> choices) {
  return {name, Kind::kWord, about, std::move(choices)};
}
ValueParameterRow block(const char* name, const char* about) {
  return {name, Kind::kBlock, about};
}

ValueParameterRow block_size() {
  return block("block_size", "Rows and columns that share a scale; null: the whole matrix does.");
}
ValueParameterRow group_size(const char* about = "Columns that share a scale.") {
  return whole("group_size", about);
}
ValueParameterRow num_bits() {
  return whole("num_bits", "Bits of a code.");
}
ValueParameterRow symmetric() {
  return flag("symmetric", "Without zero points (default).");
}
ValueParameterRow code_type() {
  return word("type", "Of the codes: `float` is E4M3, `int` is I8.", {"float", "int"});
}
ValueParameterRow strategy() {
  return word("strategy", "What shares a scale.", {"tensor", "channel", "group", "block"});
}
ValueParameterRow block_structure() {
  return block("block_structure", "Rows and columns of a block, for `strategy: block`.");
}
ValueParameterRow scale_rule() {
  return word("scale", "How a block's power of two follows from its largest number.",
              {"rceil", "floor", "even", "ceil"});
}
ValueParameterRow ties() {
  return word("ties", "Where halves are rounded to.", {"away", "even"});
}
ValueParameterRow transpose() {
  return flag("transpose", "The weight's last two dimensions are swapped (default), as gpt-oss has them.");
}
ValueParameterRow style() {
  return word("style", "Whose names, and whose global scale.", {"modelopt", "compressed-tensors"});
}
ValueParameterRow layout() {
  return word("layout", "How integers stand in words.", {"dense", "awq", "gptq"});
}
ValueParameterRow zero_point() {
  return flag("zero_point", "There are zero points (default).");
}
ValueParameterRow gptq_format() {
  return word("format", "`gptq` stores zero points less one.", {"gptq", "gptq_v2"});
}
ValueParameterRow bias_name() {
  return word("bias_name", "Role of the biases, where not `qbiases`.", {});
}

const std::vector<std::string> kWeight = {"weight"};
const std::vector<std::string> kFp8 = {"weight", "weight_scale_inv"};
const std::vector<std::string> kScaled = {"weight", "weight_scale", "weight_zero_point"};
const std::vector<std::string> kBlocks = {"blocks", "scales"};
const std::vector<std::string> kPackedMx = {"weight_packed", "weight_scale"};
const std::vector<std::string> kNvfp4 = {"weight", "weight_packed", "weight_scale", "weight_scale_2",
                                         "weight_global_scale"};
const std::vector<std::string> kPacked = {"weight_packed", "weight_scale", "weight_shape",
                                          "weight_zero_point"};
const std::vector<std::string> kAwq = {"qweight", "qzeros", "scales"};
const std::vector<std::string> kGptq = {"qweight", "qzeros", "scales", "g_idx"};
const std::vector<std::string> kMetal = {"weight", "scales", "qbiases"};

std::vector<ValueRow> all_value_rows() {
  return {
      {"Cast",
       ValueKind::kEach,
       "another dtype for each tensor; narrower ones are rounded to nearest, ties to even",
       "Cast",
       {"input"},
       {"output"},
       {dtype("The new one."),
        {"from", Kind::kDType, "The one before, to which the inverse goes without a manifest."},
        flag("exact", "Refuse any loss."),
        overflow()},
       {},
       {},
       Notes::kDType},
      {"SubtractOne",
       ValueKind::kEach,
       "subtracts 1, or `offset`, in the tensor's own dtype",
       "SubtractOne",
       {"input"},
       {"output"},
       {{"offset", Kind::kNumber, "What is subtracted (default 1)."}},
       {}},
      {"Reciprocal",
       ValueKind::kEach,
       "1 / x of each element of a scale in F32",
       "Reciprocal",
       {"input"},
       {"output"},
       {},
       {}},
      {"ConvertFP8LinearScale",
       ValueKind::kEach,
       "a scale of one element, or one a row, to F32 [1, out]",
       "ConvertFP8LinearScale",
       {"weight_scale"},
       {"weight_scale"},
       {whole("out_features", "Rows of the weight."), flag("inverse", "The other direction."),
        word("strategy", "Of the scale that `inverse` makes.", {"tensor", "channel"})},
       {}},
      {"Fp8Dequantize",
       ValueKind::kDecode,
       "E4M3, E5M2, or E2M1 in I8, times the scale of the block, in F32, then `dtype` (BF16)",
       "Fp8Quantize",
       kFp8,
       kWeight,
       {block_size(), dtype(), overflow()},
       {"block_size"}},
      {"Fp8Quantize",
       ValueKind::kEncode,
       "E4M3 and a scale for each block",
       "Fp8Dequantize",
       kWeight,
       kFp8,
       {block_size(),
        word("scale_fmt", "`ue8m0`: scales are powers of two.", {"ue8m0"}),
        {"scale_dtype", Kind::kDType, "Of the scales (F32, or E8M0)."},
        word("formula", "How a scale is computed.", {"reciprocal", "divide"})},
       {"block_size"}},
      {"ScaleDequantize",
       ValueKind::kDecode,
       "(code - zero point) * scale in the scale's dtype",
       "ScaleQuantize",
       kScaled,
       kWeight,
       {code_type(), strategy(), group_size(), block_structure(), num_bits(), symmetric(), dtype(),
        overflow()},
       {"type", "strategy", "group_size", "block_structure", "num_bits", "symmetric"}},
      {"ScaleQuantize",
       ValueKind::kEncode,
       "codes and scales as compressed-tensors makes them",
       "ScaleDequantize",
       kWeight,
       kScaled,
       {code_type(), strategy(), group_size(), block_structure(), num_bits(), symmetric()},
       {"type", "strategy", "group_size", "block_structure", "num_bits", "symmetric"}},
      {"Mxfp4Dequantize",
       ValueKind::kDecode,
       "blocks of 32 E2M1 times their power of two, as gpt-oss has them",
       "Mxfp4Quantize",
       kBlocks,
       kWeight,
       {transpose(), dtype(), overflow()},
       {"transpose"}},
      {"Mxfp4Quantize",
       ValueKind::kEncode,
       "blocks of 32 E2M1 and their powers of two, as gpt-oss has them",
       "Mxfp4Dequantize",
       kWeight,
       kBlocks,
       {transpose(), scale_rule(), ties()},
       {"transpose"}},
      {"PackedMxfp4Dequantize",
       ValueKind::kDecode,
       "the same in rows, as compressed-tensors has them",
       "PackedMxfp4Quantize",
       kPackedMx,
       kWeight,
       {dtype(), overflow()},
       {}},
      {"PackedMxfp4Quantize",
       ValueKind::kEncode,
       "the same in rows, as compressed-tensors has them",
       "PackedMxfp4Dequantize",
       kWeight,
       kPackedMx,
       {scale_rule(), ties()},
       {}},
      {"Mxfp8Quantize",
       ValueKind::kEncode,
       "E4M3 and a power of two for each 32 columns",
       "ScaleDequantize",
       kWeight,
       {"weight", "weight_scale"},
       {scale_rule()},
       {},
       {{"type", "float"}, {"strategy", "group"}, {"group_size", 32.0}}},
      {"NVFP4Dequantize",
       ValueKind::kDecode,
       "E2M1 times the E4M3 scale of 16 columns times, or by, a global scale",
       "NVFP4Quantize",
       kNvfp4,
       kWeight,
       {style(), dtype(), overflow()},
       {"style"}},
      {"NVFP4Quantize",
       ValueKind::kEncode,
       "E2M1, a scale for each 16 columns, and a global one",
       "NVFP4Dequantize",
       kWeight,
       kNvfp4,
       {style()},
       {"style"}},
      {"PackedDequantize",
       ValueKind::kDecode,
       "packed integers of 1 to 8 bits, as compressed-tensors has them",
       "PackedQuantize",
       kPacked,
       kWeight,
       {num_bits(), strategy(), group_size(), symmetric(), dtype(), overflow()},
       {"num_bits", "strategy", "group_size", "symmetric"}},
      {"PackedQuantize",
       ValueKind::kEncode,
       "packed integers of 1 to 8 bits, as compressed-tensors has them",
       "PackedDequantize",
       kWeight,
       kPacked,
       {num_bits(), strategy(), group_size(), symmetric()},
       {"num_bits", "strategy", "group_size", "symmetric"}},
      {"UnpackInts",
       ValueKind::kEach,
       "integers out of 32-bit words",
       "PackInts",
       {"packed"},
       {"values"},
       {layout(), num_bits(), whole("dim", "Along which they are packed."), whole("size", "Its extent."),
        whole("offset", "Added to each."), dtype()},
       {"layout", "num_bits", "dim", "offset"}},
      {"PackInts",
       ValueKind::kEach,
       "integers into 32-bit words",
       "UnpackInts",
       {"values"},
       {"packed"},
       {layout(), num_bits(), whole("dim", "Along which they are packed."),
        whole("offset", "Added to each.")},
       {"layout", "num_bits", "dim", "offset"},
       {},
       Notes::kDTypeAndShape},
      {"AwqDequantize",
       ValueKind::kDecode,
       "AutoAWQ's words, transposed to [out, in]",
       "AwqQuantize",
       kAwq,
       kWeight,
       {group_size(), zero_point(), dtype(), overflow()},
       {"group_size", "zero_point"}},
      {"AwqQuantize",
       ValueKind::kEncode,
       "AutoAWQ's words, with scales and zero points that are there already",
       "AwqDequantize",
       {"weight", "qzeros", "scales"},
       kAwq,
       {group_size(), zero_point()},
       {"group_size", "zero_point"}},
      {"AwqToPacked",
       ValueKind::kRecode,
       "AutoAWQ's words as compressed-tensors packs them; no number changes",
       "PackedToAwq",
       kAwq,
       kPacked,
       {group_size(), zero_point()},
       {"group_size", "zero_point"}},
      {"PackedToAwq",
       ValueKind::kRecode,
       "4 bits that compressed-tensors packs as AutoAWQ's words; no number changes",
       "AwqToPacked",
       kPacked,
       kAwq,
       {group_size(), zero_point()},
       {"group_size", "zero_point"}},
      {"GptqDequantize",
       ValueKind::kDecode,
       "GPTQ's words, transposed to [out, in]",
       "GptqQuantize",
       kGptq,
       kWeight,
       {num_bits(), group_size(), gptq_format(), dtype(), overflow()},
       {"num_bits", "group_size", "format"}},
      {"GptqQuantize",
       ValueKind::kEncode,
       "GPTQ's words, with scales and zero points that are there already",
       "GptqDequantize",
       {"weight", "qzeros", "scales", "g_idx"},
       kGptq,
       {num_bits(), group_size(), gptq_format()},
       {"num_bits", "group_size", "format"}},
      {"GptqToPacked",
       ValueKind::kRecode,
       "GPTQ's words of 1, 2, 4 or 8 bits, with groups in order, as compressed-tensors packs them; no number "
       "changes",
       "PackedToGptq",
       kGptq,
       kPacked,
       {num_bits(), group_size(), gptq_format()},
       {"num_bits", "group_size", "format"}},
      {"PackedToGptq",
       ValueKind::kRecode,
       "integers that compressed-tensors packs, with zero points, as GPTQ's words; no number changes",
       "GptqToPacked",
       kPacked,
       kGptq,
       {num_bits(), group_size(), gptq_format()},
       {"num_bits", "group_size", "format"}},
      {"MetalDequantize",
       ValueKind::kDecode,
       "code * scale + bias, as MLX packs them",
       "MetalQuantize",
       kMetal,
       kWeight,
       {whole("bits", "Of a code."), group_size(), bias_name(), dtype(), overflow()},
       {"bits", "group_size", "bias_name"}},
      {"MetalQuantize",
       ValueKind::kEncode,
       "codes, scales and biases, as MLX packs them",
       "MetalDequantize",
       kWeight,
       kMetal,
       {whole("bits", "Of a code."), group_size(), bias_name()},
       {"bits", "group_size", "bias_name"}},
  };
}

}  // namespace

bool ValueRow::is_codes(const std::string& role) const {
  return role == "weight" || role == "weight_packed" || role == "blocks" || role == "qweight";
}

std::span<const ValueRow> value_rows() {
  static const std::vector<ValueRow> kRows = all_value_rows();
  return kRows;
}

const ValueRow* find_value_row(std::string_view name) {
  const auto rows = value_rows();
  const auto found =
      std::find_if(rows.begin(), rows.end(), [&](const ValueRow& row) { return row.name == name; });
  return found == rows.end() ? nullptr : &*found;
}

PatternRole role_of_pattern(std::string_view pattern, const std::vector<std::string>& roles) {
  const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '*'; };
  if (pattern.ends_with('$')) pattern.remove_suffix(1);
  PatternRole out;
  std::string_view stem = pattern;
  for (const std::string& role : roles) {
    if (role.size() <= out.role.size() || !pattern.ends_with(role)) continue;
    const std::string_view before = pattern.substr(0, pattern.size() - role.size());
    if (!before.empty() && is_word(before.back())) continue;
    out.role = role;
    stem = before;
  }
  while (!out.role.empty() && !stem.empty() && !is_word(stem.back()) && stem.back() != '^')
    stem.remove_suffix(1);
  out.stem = std::string(stem);
  return out;
}

}  // namespace tenon
