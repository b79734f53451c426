// Microscaling formats: 32 numbers share a power of two. MXFP4 as gpt-oss ships it (blocks and scales, the
// weight transposed) and as compressed-tensors does (packed rows), and MXFP8.
#include <fmt/format.h>

#include "values/operations/block_walk.h"
#include "values/operations/operations.h"
#include "values/operations/recipe_builder.h"

namespace tenon {
namespace {

constexpr std::int64_t kGroup = 32;
constexpr Coding kPower{Format::kE8M0, 8};
constexpr Coding kNibble{Format::kE2M1, 4};

using Value = RecipeBuilder::Value;

// The matrix of numbers that blocks code: [leading, rows, columns], a scale for 32 columns.
struct Packed {
  std::int64_t leading = 1;
  std::int64_t rows = 0;
  std::int64_t columns = 0;

  std::vector<BlockPart> parts() const { return parts_in_blocks(leading, rows, columns, 1, kGroup); }
  MatrixStrides scales(std::int64_t bits) const { return row_major(rows, columns / kGroup, bits); }
};

// The code of a block's power of two, from its largest magnitude; `top`: the largest element, 6 or 448.
Value fresh_exponent(RecipeBuilder& b, Value amax, const std::string& rule, float top) {
  Value exponent;
  if (rule == "rceil") {  // the smallest power of two that is not below amax / top
    exponent = b.exponent(b.divide(amax, b.constant(top)), 0x7F'FFFF);
  } else {
    const float addend = rule == "floor" ? 0.0F : rule == "even" ? 0x20'0000 : 0x7F'FFFF;
    exponent = b.subtract(b.exponent(amax, addend), b.constant(top == 6 ? 2 : 8));
  }
  return b.clamp(exponent, 0, 254);
}

// x * 2^(127 - e)
Value scaled_down(RecipeBuilder& b, Value x, Value exponent) {
  return b.multiply(x, b.power_of_two(b.subtract(b.constant(254), exponent)));
}

std::string scale_rule(const ValueRequest& request, std::string_view fallback) {
  return request.word("scale", {"rceil", "floor", "even", "ceil"}, fallback);
}

// How a quantiser gets the scale of a block: recorded under a role, or from the block itself.
struct Source {
  std::string recorded;  // role; empty: fresh
  std::string rule;
  Coding coding;         // of the weight
  MatrixStrides weight;  // in bits
  float top = 6;
};

// The weight's numbers divided by their block's power of two; adds the operands to `operands`.
Value divided(RecipeBuilder& b, const Source& source, const BlockPart& part, const Packed& packed,
              std::int64_t fields, std::vector<ValueOperand>& operands) {
  Input x{source.coding, Demand::kFinite};
  for (std::int64_t f = 0; fields > 1 && f < fields; ++f) x.by_field.push_back(f * source.weight.column);
  const auto number = b.input(x);
  operands.push_back(operand_at("weight", part.element(source.weight, fields)));
  if (!source.recorded.empty()) {
    const auto scale = b.input({kPower, Demand::kScale});
    operands.push_back(operand_at(source.recorded, part.grid(packed.scales(8))));
    return b.divide(number, scale);
  }
  const auto amax = b.input({source.coding, Demand::kFinite, Fold::kLargest, part.block(source.weight)});
  Affine origin = part.element(source.weight);
  origin.strides[2] = origin.strides[4] = 0;
  operands.push_back(operand_at("weight", origin));
  return scaled_down(b, number, fresh_exponent(b, amax, source.rule, source.top));
}

ValueOutput fresh_scales(const Source& source, const Packed& packed, Shape shape) {
  ValueOutput out{DType::kU8, std::move(shape), {}};
  for (const BlockPart& part : packed.parts()) {
    RecipeBuilder b;
    const auto amax = b.input({source.coding, Demand::kFinite, Fold::kLargest, part.block(source.weight)});
    const auto code = fresh_exponent(b, amax, source.rule, source.top);
    ValuePiece piece = piece_at(b.finish(code, result_of(DType::kU8)), part.block_extents(),
                                part.block_of_grid(packed.scales(1)));
    piece.operands.push_back(operand_at("weight", part.block_origin(source.weight)));
    out.pieces.push_back(std::move(piece));
  }
  return out;
}

// Two E2M1 a byte, the low nibble first.
ValueOutput nibbles(const ValueRequest& request, const Source& source, const Packed& packed, Shape shape,
                    std::string_view default_ties) {
  const bool away = request.word("ties", {"away", "even"}, default_ties) == "away";
  ValueOutput out{DType::kU8, std::move(shape), {}};
  for (const BlockPart& part : packed.parts()) {
    RecipeBuilder b;
    std::vector<ValueOperand> operands;
    const auto value = divided(b, source, part, packed, 2, operands);
    Result result{kNibble, Overflow::kTorch, away ? Ties::kAway : Ties::kEven};
    result.element_bits = 8;
    result.fields = {0, 4};
    ValuePiece piece = piece_at(b.finish(value, std::move(result)), part.extents(2),
                                part.element(row_major(packed.rows, packed.columns / 2)));
    // The column stride of bytes: half a number each.
    piece.output_strides = {packed.rows * packed.columns / 2, packed.columns / 2, packed.columns / 2,
                            kGroup / 2, 1};
    piece.operands = std::move(operands);
    out.pieces.push_back(std::move(piece));
  }
  return out;
}

// `to`: where an element of [leading, rows, columns] goes.
ValueOutput numbers(const ValueRequest& request, const Packed& packed, Shape shape, const MatrixStrides& to,
                    const std::string& codes, const std::string& scales) {
  const DType dtype = request.dtype(DType::kBF16);
  ValueOutput out{dtype, std::move(shape), {}};
  for (const BlockPart& part : packed.parts()) {
    RecipeBuilder b;
    const auto q = b.input({kNibble});
    const auto s = b.input({kPower, Demand::kScale});
    const auto value = b.require_finite(b.multiply(q, s), Refusal::kRange);
    ValuePiece piece =
        piece_at(b.finish(value, result_of(dtype, request.overflow())), part.extents(), part.element(to));
    piece.operands = {operand_at(codes, part.element(row_major(packed.rows, packed.columns, 4))),
                      operand_at(scales, part.grid(packed.scales(8)))};
    out.pieces.push_back(std::move(piece));
  }
  return out;
}

Shape without_last(const Shape& shape, std::size_t count) {
  return {shape.begin(), shape.end() - static_cast<std::ptrdiff_t>(count)};
}

const std::vector<DType>& power_dtypes() {
  static const std::vector<DType> kPowers = {DType::kU8, DType::kF8E8M0};
  return kPowers;
}

void check_recorded(const ValueRequest& request, const std::string& role, const Shape& shape) {
  if (request.tensor(role, power_dtypes()).shape != shape)
    refuse(
        "shape", role,
        fmt::format("{} is {}, expected {}", role, to_string(request.tensor(role).shape), to_string(shape)));
}

}  // namespace

ValueOutputs mxfp4_dequantize(const ValueRequest& request) {
  const ValueTensor& blocks = request.tensor("blocks", {DType::kU8});
  const ValueTensor& scales = request.tensor("scales", power_dtypes());
  const std::size_t rank = blocks.shape.size();
  if (rank < 3 || blocks.shape.back() != kGroup / 2 || scales.shape != without_last(blocks.shape, 1)) {
    refuse("shape", "scales",
           fmt::format("blocks {} and scales {} do not belong together", to_string(blocks.shape),
                       to_string(scales.shape)));
  }
  Packed packed{1, blocks.shape[rank - 3], blocks.shape[rank - 2] * kGroup};
  Shape shape = without_last(blocks.shape, 3);
  for (const std::int64_t extent : shape) packed.leading *= extent;
  const bool transpose = request.flag("transpose", true);
  shape.push_back(transpose ? packed.columns : packed.rows);
  shape.push_back(transpose ? packed.rows : packed.columns);
  const MatrixStrides to = transpose ? MatrixStrides{packed.rows * packed.columns, 1, packed.rows}
                                     : row_major(packed.rows, packed.columns);
  return {{"weight", numbers(request, packed, std::move(shape), to, "blocks", "scales")}};
}

ValueOutputs mxfp4_quantize(const ValueRequest& request) {
  const ValueTensor& weight = request.tensor("weight", float_dtypes());
  const std::size_t rank = weight.shape.size();
  if (rank < 2) refuse("shape", "weight", "a weight of two dimensions or more is expected");
  const bool transpose = request.flag("transpose", true);
  Packed packed{leading(weight.shape), weight.shape[rank - (transpose ? 1 : 2)],
                weight.shape[rank - (transpose ? 2 : 1)]};
  if (packed.columns % kGroup != 0)
    refuse("shape", "weight", fmt::format("the quantised dimension {} is no multiple of 32", packed.columns));
  Source source{"", scale_rule(request, "rceil"), coding_or_refuse(weight.dtype), {}, 6};
  const std::int64_t bits = source.coding.bits;
  source.weight = transpose ? MatrixStrides{packed.rows * packed.columns * bits, bits, packed.rows * bits}
                            : row_major(packed.rows, packed.columns, bits);
  Shape grid = without_last(weight.shape, 2);
  grid.push_back(packed.rows);
  grid.push_back(packed.columns / kGroup);
  Shape shape = grid;
  shape.push_back(kGroup / 2);
  const bool recorded = request.has("scales");
  if (recorded) {
    check_recorded(request, "scales", grid);
    source.recorded = "scales";
  }
  return {
      {"blocks", nibbles(request, source, packed, std::move(shape), "away")},
      {"scales", recorded ? copied(request.tensor("scales"), "scales") : fresh_scales(source, packed, grid)}};
}

ValueOutputs packed_mxfp4_dequantize(const ValueRequest& request) {
  const ValueTensor& codes = request.tensor("weight_packed", {DType::kU8});
  const ValueTensor& scales = request.tensor("weight_scale", power_dtypes());
  Shape grid = codes.shape;
  if (!grid.empty() && grid.back() % (kGroup / 2) == 0) grid.back() /= kGroup / 2;
  if (codes.shape.size() < 2 || codes.shape.back() % (kGroup / 2) != 0 || scales.shape != grid) {
    refuse("shape", "weight_scale",
           fmt::format("weight_packed {} and weight_scale {} do not belong together", to_string(codes.shape),
                       to_string(scales.shape)));
  }
  const Packed packed{leading(codes.shape), codes.shape[codes.shape.size() - 2], codes.shape.back() * 2};
  Shape shape = codes.shape;
  shape.back() *= 2;
  return {{"weight", numbers(request, packed, std::move(shape), row_major(packed.rows, packed.columns),
                             "weight_packed", "weight_scale")}};
}

ValueOutputs packed_mxfp4_quantize(const ValueRequest& request) {
  const ValueTensor& weight = request.tensor("weight", float_dtypes());
  if (weight.shape.size() < 2 || weight.shape.back() % kGroup != 0)
    refuse("shape", "weight", fmt::format("columns of {} are no multiple of 32", to_string(weight.shape)));
  const Packed packed{leading(weight.shape), weight.shape[weight.shape.size() - 2], weight.shape.back()};
  Source source{"", scale_rule(request, "even"), coding_or_refuse(weight.dtype), {}, 6};
  source.weight = row_major(packed.rows, packed.columns, source.coding.bits);
  Shape grid = weight.shape;
  grid.back() /= kGroup;
  Shape shape = weight.shape;
  shape.back() /= 2;
  const bool recorded = request.has("weight_scale");
  if (recorded) {
    check_recorded(request, "weight_scale", grid);
    source.recorded = "weight_scale";
  }
  return {{"weight_packed", nibbles(request, source, packed, std::move(shape), "even")},
          {"weight_scale", recorded ? copied(request.tensor("weight_scale"), "weight_scale")
                                    : fresh_scales(source, packed, grid)}};
}

ValueOutputs mxfp8_quantize(const ValueRequest& request) {
  const ValueTensor& weight = request.tensor("weight", float_dtypes());
  if (weight.shape.empty() || weight.shape.back() % kGroup != 0)
    refuse("shape", "weight", fmt::format("columns of {} are no multiple of 32", to_string(weight.shape)));
  const std::int64_t rows = weight.shape.size() < 2 ? 1 : weight.shape[weight.shape.size() - 2];
  const Packed packed{leading(weight.shape), rows, weight.shape.back()};
  Source source{"", scale_rule(request, "rceil"), coding_or_refuse(weight.dtype), {}, 448};
  source.weight = row_major(packed.rows, packed.columns, source.coding.bits);
  Shape grid = weight.shape;
  grid.back() /= kGroup;
  const bool recorded = request.has("weight_scale");
  if (recorded) {
    check_recorded(request, "weight_scale", grid);
    source.recorded = "weight_scale";
  }
  ValueOutput codes{DType::kF8E4M3, weight.shape, {}};
  for (const BlockPart& part : packed.parts()) {
    RecipeBuilder b;
    std::vector<ValueOperand> operands;
    const auto value = b.clamp(divided(b, source, part, packed, 1, operands), -448, 448);
    ValuePiece piece = piece_at(b.finish(value, result_of(DType::kF8E4M3)), part.extents(),
                                part.element(row_major(packed.rows, packed.columns)));
    piece.operands = std::move(operands);
    codes.pieces.push_back(std::move(piece));
  }
  return {{"weight", std::move(codes)},
          {"weight_scale", recorded ? copied(request.tensor("weight_scale"), "weight_scale")
                                    : fresh_scales(source, packed, grid)}};
}

}  // namespace tenon
