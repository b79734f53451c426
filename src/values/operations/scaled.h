// What the formats of compressed-tensors share: strategies of scales, and arithmetic in the scale's dtype.
#pragma once

#include <optional>

#include "values/operations/block_walk.h"
#include "values/operations/recipe_builder.h"
#include "values/operations/request.h"

namespace tenon {

/// In which blocks a matrix has scales, and the shape that these have.
struct ScaleGrid {
  std::int64_t height = 1;
  std::int64_t width = 1;
  Shape shape;

  /// Strides of a grid tensor whose elements are `bits` apart; one element serves all.
  MatrixStrides strides(std::int64_t bits) const;
};
ScaleGrid scale_grid(const ValueRequest& request, std::int64_t rows, std::int64_t columns);

/// A grid of scales: how it is coded, and the dtype in which it computes.
struct GridScale {
  Coding coding;
  Coding computes;
  DType dtype = DType::kF32;
  MatrixStrides strides;
};
GridScale grid_scale(const ValueRequest& request, const ScaleGrid& grid);

/// Throws ValueError (shape) where the tensor has another shape.
void check_grid(const ValueTensor& tensor, const std::string& role, const ScaleGrid& grid);

/// (q - zero) * scale, each operation rounded to the scale's dtype.
RecipeBuilder::Value scaled_value(RecipeBuilder& b, RecipeBuilder::Value q,
                                  std::optional<RecipeBuilder::Value> zero, RecipeBuilder::Value scale,
                                  Coding computes);

/// Floating-point or integer codes: their least and their most.
struct CodeRange {
  bool is_float = false;
  float least = 0;
  float most = 0;
};
CodeRange code_range(const ValueRequest& request, bool is_float);

/// Scale and zero point of a group from its least and its most, all of it in the weight's dtype.
struct FreshGroup {
  RecipeBuilder::Value scale;
  std::optional<RecipeBuilder::Value> zero;
};
FreshGroup fresh_group(RecipeBuilder& b, RecipeBuilder::Value least, RecipeBuilder::Value most, DType dtype,
                       const CodeRange& range, bool symmetric);

/// clamp(x / scale + zero), each operation rounded to `computes`; whole for integers.
RecipeBuilder::Value scaled_code(RecipeBuilder& b, RecipeBuilder::Value x, RecipeBuilder::Value scale,
                                 std::optional<RecipeBuilder::Value> zero, Coding computes,
                                 const CodeRange& range);

}  // namespace tenon
