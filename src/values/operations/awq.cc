// AutoAWQ's GEMM format: qweight [in, out/8], qzeros [in/g, out/8], scales [in/g, out]. A column of a word's
// eight, 2a + b, is nibble a + 4b, so columns are three loops: words, a, b.
#include <fmt/format.h>

#include <algorithm>

#include "values/operations/integers.h"
#include "values/operations/operations.h"

namespace tenon {
namespace {

using Value = RecipeBuilder::Value;

struct Awq {
  std::int64_t in;
  std::int64_t out;
  std::int64_t words;  // of a row of qweight
  std::int64_t group;
  std::int64_t groups;
  DType scale;
  bool zeros;
};

Awq checked(const ValueRequest& request, std::int64_t in, std::int64_t out) {
  const ValueTensor& scales = request.tensor("scales", {DType::kF16, DType::kBF16, DType::kF32});
  const std::int64_t given = request.integer("group_size", -1, std::int64_t{1} << 40);
  if (given == 0) refuse("parameter", "", "'group_size' is -1 or at least 1");
  Awq a{in,
        out,
        out / 8,
        given == -1 ? std::max<std::int64_t>(in, 1) : given,
        0,
        scales.dtype,
        request.flag("zero_point", true)};
  a.groups = in / a.group;
  if (in % a.group != 0 || out % 8 != 0 || scales.shape != Shape{a.groups, out})
    refuse(
        "shape", "scales",
        fmt::format("scales are {}, for {} x {} in groups of {}", to_string(scales.shape), in, out, a.group));
  if (a.zeros && request.tensor("qzeros", {DType::kI32}).shape != Shape{a.groups, a.words})
    refuse("shape", "qzeros",
           fmt::format("qzeros are {}, expected {}", to_string(request.tensor("qzeros").shape),
                       to_string(Shape{a.groups, a.words})));
  return a;
}

Awq coded(const ValueRequest& request) {
  const ValueTensor& codes = request.tensor("qweight", {DType::kI32});
  if (codes.shape.size() != 2) refuse("shape", "qweight", "two dimensions are expected");
  return checked(request, codes.shape[0], codes.shape[1] * 8);
}

}  // namespace

ValueOutputs awq_dequantize(const ValueRequest& request) {
  const Awq a = coded(request);
  const DType dtype = request.dtype(a.scale);
  const std::int64_t row = a.words * 32;
  const std::int64_t wide = bits_of(a.scale);
  ValueOutput out{dtype, {a.out, a.in}, {}};
  if (a.out * a.in == 0) return {{"weight", std::move(out)}};
  RecipeBuilder b;
  const auto q = b.input({unsigned_bits(4)});
  const auto s = b.input({coding_or_refuse(a.scale), Demand::kScale});
  const auto z = a.zeros ? b.input({unsigned_bits(4)}) : b.constant(8);
  const auto value = b.round(b.multiply(b.subtract(q, z), s), coding_or_refuse(a.scale));
  ValuePiece piece =
      piece_at(b.finish(value, result_of(dtype, request.overflow())), {a.words, 4, 2, a.groups, a.group},
               {0, {8 * a.in, 2 * a.in, a.in, a.group, 1}});
  piece.operands = {operand_at("qweight", {0, {32, 4, 16, a.group * row, row}}),
                    operand_at("scales", {0, {8 * wide, 2 * wide, wide, a.out * wide, 0}})};
  if (a.zeros) piece.operands.push_back(operand_at("qzeros", {0, {32, 4, 16, row, 0}}));
  out.pieces.push_back(std::move(piece));
  return {{"weight", std::move(out)}};
}

ValueOutputs awq_quantize(const ValueRequest& request) {
  const ValueTensor& weight = request.tensor("weight", float_dtypes());
  if (weight.shape.size() != 2) refuse("shape", "weight", "a weight of two dimensions is expected");
  const Awq a = checked(request, weight.shape[1], weight.shape[0]);
  const std::int64_t bits = bits_of(weight.dtype);
  const std::int64_t wide = bits_of(a.scale);
  const auto columns = [](std::int64_t stride) {
    std::vector<std::int64_t> out;
    for (const std::int64_t column : kAwqColumn) out.push_back(column * stride);
    return out;
  };
  ValueOutput out{DType::kI32, {a.in, a.words}, {}};
  if (a.in * a.words > 0) {
    RecipeBuilder b;
    const auto x =
        b.input({coding_or_refuse(weight.dtype), Demand::kFinite, Fold::kElement, {}, columns(a.in * bits)});
    const auto s = b.input({coding_or_refuse(a.scale), Demand::kScale, Fold::kElement, {}, columns(wide)});
    std::vector<std::int64_t> nibbles;
    std::vector<std::int16_t> shifts;
    for (std::int16_t k = 0; k < 8; ++k) {
      nibbles.push_back(4 * k);
      shifts.push_back(static_cast<std::int16_t>(4 * k));
    }
    // Nibble k is the same column in qweight and in qzeros.
    const auto z =
        a.zeros ? b.input({unsigned_bits(4), Demand::kNothing, Fold::kElement, {}, nibbles}) : b.constant(8);
    const auto code = b.add(b.round_integer(b.divide(x, s)), z);
    ValuePiece piece = piece_at(b.finish(code, packed_words(4, shifts)), {a.groups, a.group, a.words},
                                {0, {a.group * a.words, a.words, 1}});
    piece.operands = {operand_at("weight", {0, {a.group * bits, bits, 8 * a.in * bits}}),
                      operand_at("scales", {0, {a.out * wide, 0, 8 * wide}})};
    if (a.zeros) piece.operands.push_back(operand_at("qzeros", {0, {a.words * 32, 0, 32}}));
    out.pieces.push_back(std::move(piece));
  }
  ValueOutputs made = {{"qweight", std::move(out)}, {"scales", copied(request.tensor("scales"), "scales")}};
  if (request.has("qzeros")) made.emplace("qzeros", copied(request.tensor("qzeros"), "qzeros"));
  return made;
}

ValueOutputs awq_to_packed(const ValueRequest& request) {
  const Awq a = coded(request);
  const std::int64_t row = a.words * 32;
  const std::int64_t words = words_for(a.in, 4);
  ValueOutput codes{DType::kI32, {a.out, words}, {}};
  for (const WriteClass& c : write_classes(a.in, 4, std::max<std::int64_t>(a.in, 1))) {
    if (a.out == 0) break;
    RecipeBuilder b;
    const auto q = b.input({unsigned_bits(4), Demand::kNothing, Fold::kElement, {}, c.by_field(row)});
    ValuePiece piece = piece_at(b.finish(q, packed_words(4, c.shifts())), {a.words, 4, 2, c.words},
                                {c.first_word, {8 * words, 2 * words, words, c.period.words}});
    piece.operands.push_back(
        operand_at("qweight", {c.first_element * row, {32, 4, 16, c.period.elements * row}}));
    codes.pieces.push_back(std::move(piece));
  }
  ValueOutputs made = {{"weight_packed", std::move(codes)},
                       {"weight_scale", transposed(request.tensor("scales"), "scales")},
                       {"weight_shape", shape_tensor(a.out, a.in)}};
  if (!a.zeros) return made;
  ValueOutput zeros{DType::kI32, {a.words, a.groups}, {}};
  if (a.words * a.groups > 0) {
    RecipeBuilder b;
    std::vector<std::int64_t> nibbles;
    std::vector<std::int16_t> shifts;
    for (std::int16_t k = 0; k < 8; ++k) {
      nibbles.push_back(4 * kAwqNibble[k]);
      shifts.push_back(static_cast<std::int16_t>(4 * k));
    }
    const auto z = b.input({unsigned_bits(4), Demand::kNothing, Fold::kElement, {}, nibbles});
    ValuePiece piece =
        piece_at(b.finish(z, packed_words(4, shifts)), {a.words, a.groups}, {0, {a.groups, 1}});
    piece.operands.push_back(operand_at("qzeros", {0, {32, row}}));
    zeros.pieces.push_back(std::move(piece));
  }
  made.emplace("weight_zero_point", std::move(zeros));
  return made;
}

}  // namespace tenon
