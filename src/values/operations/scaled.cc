// ScaleDequantize and ScaleQuantize: FP8 and INT8 of compressed-tensors.
#include "values/operations/scaled.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "values/operations/operations.h"

namespace tenon {

MatrixStrides ScaleGrid::strides(std::int64_t bits) const {
  if (shape.size() < 2) return {};
  return {0, shape[1] == 1 && shape[0] == 1 ? 0 : shape[1] * bits, bits};
}

ScaleGrid scale_grid(const ValueRequest& request, std::int64_t rows, std::int64_t columns) {
  const std::string strategy = request.word("strategy", {"tensor", "channel", "group", "block"}, "");
  const std::int64_t wide = std::max<std::int64_t>(columns, 1);
  if (strategy == "tensor") return {std::max<std::int64_t>(rows, 1), wide, {1}};
  if (strategy == "channel") return {1, wide, {rows, 1}};
  if (strategy == "group") {
    const std::int64_t group = request.integer("group_size", 1, std::int64_t{1} << 40);
    if (columns % group != 0)
      refuse("shape", "weight", fmt::format("{} columns are no multiple of the group {}", columns, group));
    return {1, group, {rows, columns / group}};
  }
  const auto block = request.extents("block_structure");
  return {block[0], block[1], {(rows + block[0] - 1) / block[0], (columns + block[1] - 1) / block[1]}};
}

void check_grid(const ValueTensor& tensor, const std::string& role, const ScaleGrid& grid) {
  const bool one = grid.shape == Shape{1} && element_count(tensor.shape) == 1U;
  if (tensor.shape == grid.shape || one) return;
  refuse("shape", role,
         fmt::format("{} is {}, expected {}", role, to_string(tensor.shape), to_string(grid.shape)));
}

GridScale grid_scale(const ValueRequest& request, const ScaleGrid& grid) {
  const ValueTensor& scale =
      request.tensor("weight_scale", {DType::kF32, DType::kBF16, DType::kF16, DType::kU8, DType::kF8E8M0});
  check_grid(scale, "weight_scale", grid);
  GridScale out;
  if (scale.dtype == DType::kU8 || scale.dtype == DType::kF8E8M0) {  // MX: the reference computes on in BF16
    out.coding = {Format::kE8M0, 8};
    out.dtype = DType::kBF16;
  } else {
    out.coding = coding_or_refuse(scale.dtype);
    out.dtype = scale.dtype;
  }
  out.computes = coding_or_refuse(out.dtype);
  out.strides = grid.strides(out.coding.bits);
  return out;
}

RecipeBuilder::Value scaled_value(RecipeBuilder& b, RecipeBuilder::Value q,
                                  std::optional<RecipeBuilder::Value> zero, RecipeBuilder::Value scale,
                                  Coding computes) {
  auto value = b.round(q, computes);
  if (zero) value = b.round(b.subtract(value, b.round(*zero, computes)), computes);
  return b.round(b.multiply(value, scale), computes);
}

CodeRange code_range(const ValueRequest& request, bool is_float) {
  if (is_float) return {true, -448, 448};
  const std::int64_t bits = request.integer("num_bits", 1, 8, 8);
  const auto half = static_cast<float>(1 << (bits - 1));
  return {false, -half, half - 1};
}

FreshGroup fresh_group(RecipeBuilder& b, RecipeBuilder::Value least, RecipeBuilder::Value most, DType dtype,
                       const CodeRange& range, bool symmetric) {
  const Coding d = coding_or_refuse(dtype);
  const auto zero = b.constant(0);
  const auto low = b.minimum(least, zero);
  const auto high = b.maximum(most, zero);
  const float span = range.most - range.least;
  const float epsilon = dtype == DType::kF32 ? 0x1p-23F : dtype == DType::kBF16 ? 0x1p-7F : 0x1p-10F;
  if (symmetric) {
    const auto largest = b.maximum(b.magnitude(low), b.magnitude(high));
    const auto scale = b.round(b.divide(largest, b.constant(span / 2)), d);
    return {b.or_if_zero(scale, b.constant(epsilon)), std::nullopt};
  }
  const auto scale = b.round(b.divide(b.round(b.subtract(high, low), d), b.constant(span)), d);
  const auto shift = b.round(b.divide(low, scale), d);
  const auto whole = b.round(b.subtract(b.constant(range.least), shift), d);
  const auto point = b.or_if_nan(b.clamp(whole, range.least, range.most), zero);
  return {b.or_if_zero(scale, b.constant(epsilon)), b.round_integer(point)};
}

RecipeBuilder::Value scaled_code(RecipeBuilder& b, RecipeBuilder::Value x, RecipeBuilder::Value scale,
                                 std::optional<RecipeBuilder::Value> zero, Coding computes,
                                 const CodeRange& range) {
  auto value = b.round(b.divide(x, scale), computes);
  if (zero) value = b.round(b.add(value, *zero), computes);
  value = b.clamp(value, range.least, range.most);
  return range.is_float ? value : b.round_integer(value);
}

namespace {

constexpr const char* kZero = "weight_zero_point";

struct Matrix {
  std::int64_t rows;
  std::int64_t columns;
};

Matrix matrix_of(const ValueTensor& weight) {
  if (weight.shape.size() != 2) refuse("shape", "weight", "a weight of two dimensions is expected");
  return {weight.shape[0], weight.shape[1]};
}

bool floats(const ValueRequest& request) {
  return request.word("type", {"float", "int"}, "") == "float";
}

// The zero point's place in a part, where there is one.
std::optional<MatrixStrides> zero_strides(const ValueRequest& request, const ScaleGrid& grid) {
  if (!request.has(kZero)) return std::nullopt;
  check_grid(request.tensor(kZero, {DType::kI8}), kZero, grid);
  return grid.strides(8);
}

constexpr Coding kByte{Format::kSigned, 8};

ValueOutputs recorded_codes(const ValueRequest& request, const ValueTensor& weight, const ScaleGrid& grid,
                            const CodeRange& range) {
  const auto [rows, columns] = matrix_of(weight);
  const GridScale scale = grid_scale(request, grid);
  const auto zeros = zero_strides(request, grid);
  const Coding coding = coding_or_refuse(weight.dtype);
  const DType dtype = range.is_float ? DType::kF8E4M3 : DType::kI8;
  ValueOutput out{dtype, weight.shape, {}};
  for (const BlockPart& part : parts_in_blocks(1, rows, columns, grid.height, grid.width)) {
    RecipeBuilder b;
    const auto x = b.input({coding, Demand::kFinite});
    const auto s = b.input({scale.coding, Demand::kScale});
    std::optional<RecipeBuilder::Value> z;
    if (zeros) z = b.input({kByte});
    ValuePiece piece =
        piece_at(b.finish(scaled_code(b, x, s, z, {Format::kF32, 32}, range), result_of(dtype)),
                 part.extents(), part.element(row_major(rows, columns)));
    piece.operands = {operand_at("weight", part.element(row_major(rows, columns, coding.bits))),
                      operand_at("weight_scale", part.grid(scale.strides))};
    if (zeros) piece.operands.push_back(operand_at(kZero, part.grid(*zeros)));
    out.pieces.push_back(std::move(piece));
  }
  ValueOutputs made = {{"weight", std::move(out)},
                       {"weight_scale", copied(request.tensor("weight_scale"), "weight_scale")}};
  if (zeros) made.emplace(kZero, copied(request.tensor(kZero), kZero));
  return made;
}

ValueOutputs fresh_codes(const ValueRequest& request, const ValueTensor& weight, const ScaleGrid& grid,
                         const CodeRange& range) {
  const auto [rows, columns] = matrix_of(weight);
  const bool symmetric = request.flag("symmetric", true);
  const Coding coding = coding_or_refuse(weight.dtype);
  const MatrixStrides stored = row_major(rows, columns, coding.bits);
  const MatrixStrides cells = grid.strides(1);
  const DType dtype = range.is_float ? DType::kF8E4M3 : DType::kI8;
  ValueOutput codes{dtype, weight.shape, {}};
  ValueOutput scales{weight.dtype, grid.shape, {}};
  ValueOutput zeros{DType::kI8, grid.shape, {}};
  for (const BlockPart& part : parts_in_blocks(1, rows, columns, grid.height, grid.width)) {
    const Input least{coding, Demand::kFinite, Fold::kMinimum, part.block(stored)};
    const Input most{coding, Demand::kFinite, Fold::kMaximum, part.block(stored)};
    const auto per_block = [&](bool of_zero) {
      RecipeBuilder b;
      const auto low = b.input(least);
      const auto high = b.input(most);
      const FreshGroup group = fresh_group(b, low, high, weight.dtype, range, symmetric);
      ValuePiece piece = piece_at(of_zero ? b.finish(*group.zero, result_of(DType::kI8))
                                          : b.finish(group.scale, result_of(weight.dtype)),
                                  part.block_extents(), part.block_of_grid(cells));
      piece.operands.assign(2, operand_at("weight", part.block_origin(stored)));
      return piece;
    };
    scales.pieces.push_back(per_block(false));
    if (!symmetric) zeros.pieces.push_back(per_block(true));
    RecipeBuilder b;
    const auto x = b.input({coding, Demand::kFinite});
    const auto low = b.input(least);
    const auto high = b.input(most);
    const FreshGroup group = fresh_group(b, low, high, weight.dtype, range, symmetric);
    ValuePiece piece =
        piece_at(b.finish(scaled_code(b, x, group.scale, group.zero, coding, range), result_of(dtype)),
                 part.extents(), part.element(row_major(rows, columns)));
    Affine origin = part.element(stored);
    piece.operands.push_back(operand_at("weight", origin));
    origin.strides[2] = origin.strides[4] = 0;
    piece.operands.push_back(operand_at("weight", origin));
    piece.operands.push_back(operand_at("weight", origin));
    codes.pieces.push_back(std::move(piece));
  }
  ValueOutputs made = {{"weight", std::move(codes)}, {"weight_scale", std::move(scales)}};
  if (!symmetric) made.emplace(kZero, std::move(zeros));
  return made;
}

}  // namespace

ValueOutputs scale_dequantize(const ValueRequest& request) {
  const ValueTensor& weight = request.tensor("weight", {floats(request) ? DType::kF8E4M3 : DType::kI8});
  const auto [rows, columns] = matrix_of(weight);
  const ScaleGrid grid = scale_grid(request, rows, columns);
  const GridScale scale = grid_scale(request, grid);
  const auto zeros = zero_strides(request, grid);
  const Coding coding = coding_or_refuse(weight.dtype);
  const DType dtype = request.dtype(scale.dtype);
  ValueOutput out{dtype, weight.shape, {}};
  for (const BlockPart& part : parts_in_blocks(1, rows, columns, grid.height, grid.width)) {
    RecipeBuilder b;
    const auto q = b.input({coding});
    const auto s = b.input({scale.coding, Demand::kScale});
    std::optional<RecipeBuilder::Value> z;
    if (zeros) z = b.input({kByte});
    ValuePiece piece =
        piece_at(b.finish(scaled_value(b, q, z, s, scale.computes), result_of(dtype, request.overflow())),
                 part.extents(), part.element(row_major(rows, columns)));
    piece.operands = {operand_at("weight", part.element(row_major(rows, columns, coding.bits))),
                      operand_at("weight_scale", part.grid(scale.strides))};
    if (zeros) piece.operands.push_back(operand_at(kZero, part.grid(*zeros)));
    out.pieces.push_back(std::move(piece));
  }
  return {{"weight", std::move(out)}};
}

ValueOutputs scale_quantize(const ValueRequest& request) {
  const ValueTensor& weight = request.tensor("weight", float_dtypes());
  const auto [rows, columns] = matrix_of(weight);
  const CodeRange range = code_range(request, floats(request));
  const ScaleGrid grid = scale_grid(request, rows, columns);
  return request.has("weight_scale") ? recorded_codes(request, weight, grid, range)
                                     : fresh_codes(request, weight, grid, range);
}

}  // namespace tenon
