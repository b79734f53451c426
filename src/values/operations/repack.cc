// PackedToAwq and PackedToGptq: what AwqToPacked and GptqToPacked make, as it was before.
#include <fmt/format.h>

#include <algorithm>

#include "values/operations/integers.h"
#include "values/operations/operations.h"

namespace tenon {
namespace {

struct RepackedMatrix {
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t words;  // of a row
  std::int64_t groups;
};

// A word holds `per_word` codes of a row, or zero points of as many rows.
RepackedMatrix repacked_matrix(const ValueRequest& request, std::int64_t per_word, bool zeros) {
  const ValueTensor& codes = request.tensor("weight_packed", {DType::kI32});
  if (codes.shape.size() != 2) refuse("shape", "weight_packed", "two dimensions are expected");
  RepackedMatrix out{codes.shape[0], codes.shape[1] * per_word, codes.shape[1], 0};
  if (request.has("weight_shape")) {
    const auto shape = request.integers("weight_shape");
    if (shape.size() != 2 || shape[0] != out.rows || shape[1] < 0 || shape[1] > out.columns ||
        shape[1] + per_word <= out.columns)
      refuse("shape", "weight_shape",
             fmt::format("weight_shape does not fit weight_packed {}", to_string(codes.shape)));
    out.columns = shape[1];
  }
  const std::int64_t given = request.integer("group_size", -1, std::int64_t{1} << 40);
  const std::int64_t group = given < 1 ? std::max<std::int64_t>(out.columns, 1) : given;
  out.groups = out.columns / group;
  const Shape& scales = request.tensor("weight_scale", {DType::kF16, DType::kBF16, DType::kF32}).shape;
  if (out.columns % group != 0 || out.rows % per_word != 0 || scales != Shape{out.rows, out.groups})
    refuse("shape", "weight_scale",
           fmt::format("weight_scale is {}, for {} x {} in groups of {}", to_string(scales), out.rows,
                       out.columns, group));
  const Shape wanted{out.rows / per_word, out.groups};
  if (zeros && request.tensor("weight_zero_point", {DType::kI32}).shape != wanted)
    refuse("shape", "weight_zero_point",
           fmt::format("weight_zero_point is {}, expected {}",
                       to_string(request.tensor("weight_zero_point").shape), to_string(wanted)));
  return out;
}

}  // namespace

ValueOutputs packed_to_awq(const ValueRequest& request) {
  const bool has_zeros = request.flag("zero_point", true);
  const RepackedMatrix m = repacked_matrix(request, 8, has_zeros);
  const std::int64_t out_words = m.rows / 8;
  // Nibble k of a word, whose column is another row here.
  const auto columns = [](std::int64_t stride) {
    std::vector<std::int64_t> out;
    for (const std::int64_t column : kAwqColumn) out.push_back(column * stride);
    return out;
  };
  std::vector<std::int16_t> shifts;
  for (std::int16_t k = 0; k < 8; ++k) shifts.push_back(static_cast<std::int16_t>(4 * k));
  const auto words = [&](const std::string& role, std::int64_t lines, std::int64_t by_field,
                         const Affine& origin) {
    ValueOutput out{DType::kI32, {lines, out_words}, {}};
    if (lines * out_words == 0) return out;
    RecipeBuilder b;
    const auto code = b.input({unsigned_bits(4), Demand::kNothing, Fold::kElement, {}, columns(by_field)});
    out.pieces.push_back(
        piece_at(b.finish(code, packed_words(4, shifts)), {lines, out_words}, {0, {out_words, 1}}));
    out.pieces.back().operands.push_back(operand_at(role, origin));
    return out;
  };
  const std::int64_t row = m.words * 32;
  ValueOutputs made = {{"qweight", words("weight_packed", m.columns, row, {0, {4, 8 * row}})},
                       {"scales", transposed(request.tensor("weight_scale"), "weight_scale")}};
  if (has_zeros) made.emplace("qzeros", words("weight_zero_point", m.groups, 4, {0, {32, m.groups * 32}}));
  return made;
}

ValueOutputs packed_to_gptq(const ValueRequest& request) {
  const std::int64_t bits = request.integer("num_bits", 1, 8);
  if (32 % bits != 0)
    refuse("parameter", "",
           fmt::format("codes of {} bits lie across words, which are repacked as they are", bits));
  const RepackedMatrix m = repacked_matrix(request, 32 / bits, true);
  if (m.columns * bits != m.words * 32)
    refuse("shape", "weight_packed", fmt::format("{} columns fill no whole words", m.columns));
  const ValueTensor& zeros = request.tensor("weight_zero_point");
  const bool adds_one = request.word("format", {"gptq", "gptq_v2"}, "gptq") == "gptq";
  ValueOutputs made = {{"qweight", transposed(request.tensor("weight_packed"), "weight_packed")},
                       {"scales", transposed(request.tensor("weight_scale"), "weight_scale")},
                       {"qzeros", adds_one ? transposed_codes(zeros, "weight_zero_point", bits, -1)
                                           : transposed(zeros, "weight_zero_point")}};
  if (request.has("g_idx")) made.emplace("g_idx", copied(request.tensor("g_idx"), "g_idx"));
  return made;
}

}  // namespace tenon
