// FP8 weights with a scale for each block: DeepSeek's and Qwen's checkpoints.
#include <fmt/format.h>

#include <algorithm>

#include "values/operations/block_walk.h"
#include "values/operations/operations.h"
#include "values/operations/recipe_builder.h"
#include "values/operations/request.h"

namespace tenon {
namespace {

constexpr float kLargest = 448;

// What stands in front of a weight: how it is stored, and in which blocks.
struct Blocks {
  Coding coding;
  Shape shape;  // of the numbers
  std::int64_t rows, columns, height, width;
  MatrixStrides stored;

  Shape grid_shape() const {
    Shape out(shape.begin(), shape.end() - 2);
    out.push_back((rows + height - 1) / height);
    out.push_back((columns + width - 1) / width);
    return out;
  }
  std::vector<BlockPart> parts() const {
    return parts_in_blocks(leading(shape), rows, columns, height, width);
  }
};

Blocks blocks_of(const ValueRequest& request, const ValueTensor& weight) {
  const bool nibbles = weight.dtype == DType::kI8;
  Blocks out{
      nibbles ? Coding{Format::kE2M1, 4} : coding_or_refuse(weight.dtype), weight.shape, 0, 0, 0, 0, {}};
  if (out.shape.size() < 2)
    refuse("shape", "weight", "a weight with a scale for each block has at least two dimensions");
  if (nibbles) out.shape.back() *= 2;
  out.rows = out.shape[out.shape.size() - 2];
  out.columns = out.shape.back();
  out.height = std::max<std::int64_t>(out.rows, 1);
  out.width = std::max<std::int64_t>(out.columns, 1);
  if (request.given("block_size")) {
    const auto block = request.extents("block_size");
    out.height = block[0];
    out.width = block[1];
  }
  out.stored = row_major(out.rows, out.columns, out.coding.bits);
  return out;
}

// How a scale is read: one element for all, or one a block.
struct Scale {
  Coding coding;
  MatrixStrides strides;
  bool one = false;
};

Scale scale_of(const ValueRequest& request, Blocks& blocks) {
  const ValueTensor& scale = request.tensor(
      "weight_scale_inv", {DType::kF32, DType::kF16, DType::kBF16, DType::kF8E8M0, DType::kU8});
  Scale out{scale.dtype == DType::kU8 ? Coding{Format::kE8M0, 8} : coding_or_refuse(scale.dtype), {}, false};
  out.one = scale.shape.size() < 2 && element_count(scale.shape) == 1U;
  if (out.one) {
    blocks.height = std::max<std::int64_t>(blocks.rows, 1);
    blocks.width = std::max<std::int64_t>(blocks.columns, 1);
    return out;
  }
  const Shape grid = blocks.grid_shape();
  if (scale.shape != grid) {
    refuse("shape", "weight_scale_inv",
           fmt::format("weight_scale_inv is {}, but a weight {} in blocks of {} x {} has scales {}",
                       to_string(scale.shape), to_string(blocks.shape), blocks.height, blocks.width,
                       to_string(grid)));
  }
  out.strides = row_major(grid[grid.size() - 2], grid.back(), out.coding.bits);
  return out;
}

// The scale of a block from its largest magnitude, as the reference computes it: 448 / amax is taken as
// (1 / amax) * 448, with two roundings.
struct FreshBlock {
  RecipeBuilder::Value forward;  // the weight is multiplied by it
  RecipeBuilder::Value inverse;  // or divided by it
  bool divides = false;
  DType stored = DType::kF32;
};

FreshBlock fresh_scale(RecipeBuilder& b, RecipeBuilder::Value amax, const ValueRequest& request) {
  FreshBlock out;
  const bool powers = request.word("scale_fmt", {"ue8m0"}, "none") == "ue8m0";
  out.divides = request.word("formula", {"reciprocal", "divide"}, "reciprocal") == "divide";
  out.stored = request.dtype(powers ? DType::kF8E8M0 : DType::kF32, "scale_dtype");
  const auto one = b.constant(1);
  const auto top = b.constant(kLargest);
  // A block of zeros has scale 1: 448 stands in for its amax, and (1 / 448) * 448 is 1.
  const auto safe = b.or_if_zero(amax, top);
  out.forward = b.require_finite(b.multiply(b.divide(one, safe), top), Refusal::kScale);
  out.inverse = out.divides ? b.divide(safe, top) : b.divide(one, out.forward);
  if (powers) {
    out.inverse = b.raise_to_power(out.inverse);
    out.divides = true;
  } else if (out.stored != DType::kF32) {
    if (out.stored != DType::kBF16 && out.stored != DType::kF16)
      refuse("parameter", "", "'scale_dtype' is F32, BF16 or F16");
    out.inverse = b.round(out.inverse, coding_or_refuse(out.stored));
    out.divides = true;
  }
  out.inverse = b.require_nonzero(out.inverse, Refusal::kScale);
  return out;
}

// Demands that its input is an ordinary number.
Input element(Coding coding) {
  return {coding, Demand::kFinite};
}

ValuePiece fresh_scale_piece(const ValueRequest& request, const Blocks& blocks, const BlockPart& part) {
  RecipeBuilder b;
  const auto amax = b.input({blocks.coding, Demand::kFinite, Fold::kLargest, part.block(blocks.stored)});
  const FreshBlock fresh = fresh_scale(b, amax, request);
  const Shape grid = blocks.grid_shape();
  ValuePiece piece = piece_at(b.finish(fresh.inverse, result_of(fresh.stored)), part.block_extents(),
                              part.block_of_grid(row_major(grid[grid.size() - 2], grid.back())));
  piece.operands.push_back(operand_at("weight", part.block_origin(blocks.stored)));
  return piece;
}

ValuePiece fresh_code_piece(const ValueRequest& request, const Blocks& blocks, const BlockPart& part) {
  RecipeBuilder b;
  const auto x = b.input(element(blocks.coding));
  const auto amax = b.input({blocks.coding, Demand::kFinite, Fold::kLargest, part.block(blocks.stored)});
  const FreshBlock fresh = fresh_scale(b, amax, request);
  const auto scaled = fresh.divides ? b.divide(x, fresh.inverse) : b.multiply(x, fresh.forward);
  const auto code = b.clamp(scaled, -kLargest, kLargest);
  ValuePiece piece = piece_at(b.finish(code, result_of(DType::kF8E4M3)), part.extents(),
                              part.element(row_major(blocks.rows, blocks.columns)));
  piece.operands.push_back(operand_at("weight", part.element(blocks.stored)));
  // The block's first element, wherever in the block the code stands.
  Affine origin = part.element(blocks.stored);
  origin.strides[2] = 0;
  origin.strides[4] = 0;
  piece.operands.push_back(operand_at("weight", origin));
  return piece;
}

ValuePiece scaled_piece(const Blocks& blocks, const Scale& scale, const BlockPart& part, Result result,
                        bool dequantise) {
  RecipeBuilder b;
  const auto x = b.input({blocks.coding});
  const auto s = b.input({scale.coding, Demand::kScale});
  const auto value = dequantise ? b.multiply(x, s) : b.clamp(b.divide(x, s), -kLargest, kLargest);
  ValuePiece piece = piece_at(b.finish(value, std::move(result)), part.extents(),
                              part.element(row_major(blocks.rows, blocks.columns)));
  piece.operands = {operand_at("weight", part.element(blocks.stored)),
                    operand_at("weight_scale_inv", part.grid(scale.strides))};
  return piece;
}

ValueOutput scaled_weight(const Blocks& blocks, const Scale& scale, DType dtype, const Result& result,
                          bool dequantise) {
  ValueOutput out{dtype, blocks.shape, {}};
  for (const BlockPart& part : blocks.parts())
    out.pieces.push_back(scaled_piece(blocks, scale, part, result, dequantise));
  return out;
}

}  // namespace

ValueOutputs fp8_dequantize(const ValueRequest& request) {
  const ValueTensor& weight = request.tensor("weight", {DType::kF8E4M3, DType::kF8E5M2, DType::kI8});
  Blocks blocks = blocks_of(request, weight);
  const Scale scale = scale_of(request, blocks);
  const DType dtype = request.dtype(DType::kBF16);
  return {{"weight", scaled_weight(blocks, scale, dtype, result_of(dtype, request.overflow()), true)}};
}

ValueOutputs fp8_quantize(const ValueRequest& request) {
  const ValueTensor& weight = request.tensor("weight", float_dtypes());
  Blocks blocks = blocks_of(request, weight);
  if (request.has("weight_scale_inv")) {
    const Scale scale = scale_of(request, blocks);
    return {{"weight", scaled_weight(blocks, scale, DType::kF8E4M3, result_of(DType::kF8E4M3), false)},
            {"weight_scale_inv", copied(request.tensor("weight_scale_inv"), "weight_scale_inv")}};
  }
  ValueOutput codes{DType::kF8E4M3, blocks.shape, {}};
  RecipeBuilder unused;
  const DType stored = fresh_scale(unused, unused.input({blocks.coding}), request).stored;
  ValueOutput scales{stored, blocks.grid_shape(), {}};
  for (const BlockPart& part : blocks.parts()) {
    codes.pieces.push_back(fresh_code_piece(request, blocks, part));
    scales.pieces.push_back(fresh_scale_piece(request, blocks, part));
  }
  return {{"weight", std::move(codes)}, {"weight_scale_inv", std::move(scales)}};
}

}  // namespace tenon
