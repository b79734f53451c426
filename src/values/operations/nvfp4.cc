// NVFP4: E2M1 in blocks of 16 with an E4M3 scale each and one F32 scale for all, as modelopt and as
// compressed-tensors write it.
#include <fmt/format.h>

#include <limits>

#include "values/operations/block_walk.h"
#include "values/operations/operations.h"
#include "values/operations/recipe_builder.h"

namespace tenon {
namespace {

constexpr std::int64_t kSixteen = 16;
constexpr Coding kFourBits{Format::kE2M1, 4};
constexpr Coding kBlockScale{Format::kE4M3, 8};
constexpr Coding kSingle{Format::kF32, 32};
constexpr const char* kScale = "weight_scale";

using Value = RecipeBuilder::Value;

struct Style {
  bool compressed;
  std::string codes;
  std::string global;
};

Style style_of(const ValueRequest& request) {
  const bool compressed =
      request.word("style", {"modelopt", "compressed-tensors"}, "modelopt") == "compressed-tensors";
  return {compressed, compressed ? "weight_packed" : "weight",
          compressed ? "weight_global_scale" : "weight_scale_2"};
}

struct PackedBlocks {
  std::int64_t leading = 1;
  std::int64_t rows = 1;
  std::int64_t columns = 0;
  MatrixStrides global;  // one for all, or one for each of the first dimension

  std::vector<BlockPart> parts() const { return parts_in_blocks(leading, rows, columns, 1, kSixteen); }
  MatrixStrides scales(std::int64_t bits) const { return row_major(rows, columns / kSixteen, bits); }
};

PackedBlocks packed_of(const Shape& shape, std::int64_t numbers_each) {
  PackedBlocks out{
      leading(shape), shape.size() < 2 ? 1 : shape[shape.size() - 2], shape.back() * numbers_each, {}};
  return out;
}

Shape grid_shape(Shape shape, std::int64_t columns) {
  shape.back() = columns / kSixteen;
  return shape;
}

// block * global, or block / global: the global scale of compressed-tensors is a reciprocal.
Value block_scale(RecipeBuilder& b, const Style& style, Value block, Value global) {
  return style.compressed ? b.divide(block, global) : b.multiply(block, global);
}

void check_scales(const ValueRequest& request, const Style& style, const Shape& codes, PackedBlocks& packed) {
  const ValueTensor& scales = request.tensor(kScale, {DType::kF8E4M3});
  const ValueTensor& global = request.tensor(style.global, {DType::kF32});
  if (packed.columns % kSixteen != 0 || scales.shape != grid_shape(codes, packed.columns))
    refuse(
        "shape", kScale,
        fmt::format("{} {} does not fit {} numbers a row", kScale, to_string(scales.shape), packed.columns));
  if (element_count(global.shape) == 1U) return;
  if (global.shape != Shape{codes.front()})
    refuse("shape", style.global, fmt::format("{} is {}", style.global, to_string(global.shape)));
  if (codes.size() == 2)
    packed.global.row = 32;
  else if (codes.size() == 3)
    packed.global.leading = 32;
  else
    refuse("shape", style.global, "a global scale for each of the first of four dimensions");
}

// The scales of a fresh block: its own and that of the whole tensor, from the largest magnitudes.
struct FreshScales {
  Value block;
  Value global;
};

FreshScales scales_of_block(RecipeBuilder& b, const Style& style, Value largest, Value in_block,
                            Coding weight) {
  if (!style.compressed) {
    auto global = b.divide(largest, b.constant(2688));
    global = b.require_nonzero(b.require_finite(global, Refusal::kScale), Refusal::kScale);
    const auto quotient = b.divide(in_block, b.multiply(b.constant(6), global));
    const auto block = b.clamp(b.or_if_zero(quotient, b.constant(1)), 0x1p-9F, 448);
    return {b.round(block, kBlockScale), global};
  }
  const auto reciprocal = b.round(b.divide(b.constant(1), b.round(largest, weight)), weight);
  auto global = b.round(b.multiply(reciprocal, b.constant(2688)), weight);
  global = b.require_nonzero(b.or_if_not_finite(global, b.constant(1)), Refusal::kScale);
  const auto sixth = b.round(b.divide(in_block, b.constant(6)), weight);
  const auto block = b.round(b.clamp(b.multiply(global, sixth), -448, 448), kBlockScale);
  return {b.or_if_zero(block, b.constant(0.125F)), global};
}

struct Quantiser {
  const Style& style;
  const PackedBlocks& packed;
  Coding coding;
  MatrixStrides weight;

  Input largest_of_all() const {
    return {coding,
            Demand::kFinite,
            Fold::kLargest,
            {{packed.leading * packed.rows * packed.columns, coding.bits}}};
  }
  Input largest_of_block(const BlockPart& part) const {
    return {coding, Demand::kFinite, Fold::kLargest, part.block(weight)};
  }

  ValuePiece codes(const BlockPart& part, bool recorded) const {
    RecipeBuilder b;
    ValuePiece piece;
    const auto x = b.input({coding, Demand::kFinite, Fold::kElement, {}, {0, weight.column}});
    piece.operands.push_back(operand_at("weight", part.element(weight, 2)));
    FreshScales scales;
    if (recorded) {
      scales = {b.input({kBlockScale}), b.input({kSingle})};
      piece.operands.push_back(operand_at(kScale, part.grid(packed.scales(8))));
      piece.operands.push_back(operand_at(style.global, part.grid({})));
    } else {
      const auto all = b.input(largest_of_all());
      const auto block = b.input(largest_of_block(part));
      piece.operands.push_back(operand_at("weight", part.grid({})));
      piece.operands.back().offset = 0;
      Affine origin = part.element(weight);
      origin.strides[2] = origin.strides[4] = 0;
      piece.operands.push_back(operand_at("weight", origin));
      scales = scales_of_block(b, style, all, block, coding);
    }
    const auto scale = b.or_if_zero(block_scale(b, style, scales.block, scales.global),
                                    b.constant(std::numeric_limits<float>::infinity()));
    auto value = b.divide(x, scale);
    if (style.compressed) value = b.clamp(value, -6, 6);
    if (!recorded) value = b.add(value, b.constant(0));  // both references write +0 for -0
    Result result{kFourBits};
    result.element_bits = 8;
    result.fields = {0, 4};
    piece.recipe = b.finish(value, std::move(result));
    piece.extents = part.extents(2);
    piece.output_offset = part.element(row_major(packed.rows, packed.columns)).offset / 2;
    piece.output_strides = {packed.rows * packed.columns / 2, packed.columns / 2, packed.columns / 2,
                            kSixteen / 2, 1};
    return piece;
  }

  ValuePiece block_scales(const BlockPart& part) const {
    RecipeBuilder b;
    const auto all = b.input(largest_of_all());
    const auto block = b.input(largest_of_block(part));
    const Value scale = scales_of_block(b, style, all, block, coding).block;
    ValuePiece piece = piece_at(b.finish(scale, result_of(DType::kF8E4M3)), part.block_extents(),
                                part.block_of_grid(packed.scales(1)));
    piece.operands = {operand_at("weight", {0, {0, 0, 0}}), operand_at("weight", part.block_origin(weight))};
    return piece;
  }

  ValueOutput global_scale() const {
    RecipeBuilder b;
    const auto all = b.input(largest_of_all());
    const Value scale = scales_of_block(b, style, all, all, coding).global;
    ValuePiece piece = piece_at(b.finish(scale, result_of(DType::kF32)), {}, {});
    piece.operands = {operand_at("weight", {})};
    return {DType::kF32, Shape{1}, {std::move(piece)}};
  }
};

}  // namespace

ValueOutputs nvfp4_dequantize(const ValueRequest& request) {
  const Style style = style_of(request);
  const ValueTensor& codes = request.tensor(style.codes, {DType::kU8});
  if (codes.shape.empty()) refuse("shape", style.codes, "a weight has at least one dimension");
  PackedBlocks packed = packed_of(codes.shape, 2);
  check_scales(request, style, codes.shape, packed);
  const DType dtype = request.dtype(DType::kBF16);
  Shape shape = codes.shape;
  shape.back() *= 2;
  ValueOutput out{dtype, std::move(shape), {}};
  for (const BlockPart& part : packed.parts()) {
    RecipeBuilder b;
    const auto q = b.input({kFourBits});
    const auto block = b.input({kBlockScale, Demand::kScaleOrZero});
    const auto global = b.input({kSingle, Demand::kScale});
    const auto value = b.multiply(q, block_scale(b, style, block, global));
    ValuePiece piece = piece_at(b.finish(value, result_of(dtype, request.overflow())), part.extents(),
                                part.element(row_major(packed.rows, packed.columns)));
    piece.operands = {operand_at(style.codes, part.element(row_major(packed.rows, packed.columns, 4))),
                      operand_at(kScale, part.grid(packed.scales(8))),
                      operand_at(style.global, part.grid(packed.global))};
    out.pieces.push_back(std::move(piece));
  }
  return {{"weight", std::move(out)}};
}

ValueOutputs nvfp4_quantize(const ValueRequest& request) {
  const Style style = style_of(request);
  const ValueTensor& weight = request.tensor("weight", float_dtypes());
  if (weight.shape.empty() || weight.shape.back() % kSixteen != 0)
    refuse("shape", "weight", fmt::format("columns of {} are no multiple of 16", to_string(weight.shape)));
  PackedBlocks packed = packed_of(weight.shape, 1);
  const Coding coding = coding_or_refuse(weight.dtype);
  const bool recorded = request.has(kScale);
  if (recorded) check_scales(request, style, weight.shape, packed);
  const Quantiser quantiser{style, packed, coding, row_major(packed.rows, packed.columns, coding.bits)};
  Shape shape = weight.shape;
  shape.back() /= 2;
  ValueOutput codes{DType::kU8, std::move(shape), {}};
  ValueOutput scales{DType::kF8E4M3, grid_shape(weight.shape, packed.columns), {}};
  for (const BlockPart& part : packed.parts()) {
    codes.pieces.push_back(quantiser.codes(part, recorded));
    if (!recorded) scales.pieces.push_back(quantiser.block_scales(part));
  }
  ValueOutput global;
  if (recorded) {
    scales = copied(request.tensor(kScale), kScale);
    global = copied(request.tensor(style.global), style.global);
  } else {
    global = quantiser.global_scale();
  }
  return {{style.codes, std::move(codes)}, {kScale, std::move(scales)}, {style.global, std::move(global)}};
}

}  // namespace tenon
