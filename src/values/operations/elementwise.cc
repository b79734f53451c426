// Operations on each element by itself: casts, norms whose weight is one too large, reciprocals of scales.
#include <fmt/format.h>

#include <limits>

#include "values/operations/block_walk.h"
#include "values/operations/operations.h"
#include "values/operations/recipe_builder.h"

namespace tenon {
namespace {

ValueOutput each_element(const ValueTensor& input, DType dtype, Recipe recipe) {
  const auto count = static_cast<std::int64_t>(element_count(input.shape).value_or(0));
  ValueOutput out{dtype, input.shape, {}};
  if (count == 0) return out;
  ValuePiece piece = piece_at(std::move(recipe), {count}, {0, {1}});
  piece.operands.push_back(operand_at("input", {0, {bits_of(input.dtype)}}));
  out.pieces.push_back(std::move(piece));
  return out;
}

Recipe conversion(DType from, Result result) {
  RecipeBuilder b;
  const auto x = b.input({coding_or_refuse(from, "input")});
  return b.finish(x, std::move(result));
}

}  // namespace

ValueOutputs cast_values(const ValueRequest& request) {
  const ValueTensor& input = request.tensor("input");
  const DType dtype = request.dtype(input.dtype);
  if (dtype == input.dtype) return {{"output", copied(input, "input")}};
  const bool exact = request.flag("exact", false);
  Result result = result_of(dtype, exact ? Overflow::kTorch : request.overflow());
  result.exact = exact;
  return {{"output", each_element(input, dtype, conversion(input.dtype, std::move(result)))}};
}

ValueOutputs subtract_offset(const ValueRequest& request) {
  const ValueTensor& input = request.tensor("input", float_dtypes());
  RecipeBuilder b;
  const auto x = b.input({coding_or_refuse(input.dtype)});
  const auto offset = b.constant(static_cast<float>(request.number("offset", 1)));
  return {
      {"output", each_element(input, input.dtype, b.finish(b.subtract(x, offset), result_of(input.dtype)))}};
}

ValueOutputs reciprocal(const ValueRequest& request) {
  const ValueTensor& input = request.tensor("input", {DType::kF32});
  RecipeBuilder b;
  const auto x = b.input({coding_or_refuse(input.dtype), Demand::kScale});
  const auto quotient = b.require_finite(b.divide(b.constant(1), x), Refusal::kScale);
  return {{"output",
           each_element(input, input.dtype,
                        b.finish(b.require_nonzero(quotient, Refusal::kScale), result_of(DType::kF32)))}};
}

namespace {

// The way back of one scale for a whole tensor: the first of a row whose elements are all alike.
ValueOutput first_of_equals(const ValueTensor& scale) {
  const std::int64_t bits = bits_of(scale.dtype);
  const Coding coding = coding_or_refuse(scale.dtype, "weight_scale");
  RecipeBuilder b;
  const auto first = b.input({coding});
  const std::vector<FoldLoop> row = {{scale.shape[1], bits}};
  const auto least = b.input({coding, Demand::kNothing, Fold::kMinimum, row});
  const auto most = b.input({coding, Demand::kNothing, Fold::kMaximum, row});
  // 0 times infinity is NaN and becomes 1; any other difference stays infinite.
  const auto spread = b.multiply(b.subtract(most, least), b.constant(std::numeric_limits<float>::infinity()));
  const auto one = b.require_finite(b.or_if_nan(spread, b.constant(1)), Refusal::kInexact);
  ValuePiece piece =
      piece_at(b.finish(b.multiply(first, one), result_of(scale.dtype)), {scale.shape[0]}, {0, {1}});
  for (int i = 0; i < 3; ++i)
    piece.operands.push_back(operand_at("weight_scale", {0, {scale.shape[1] * bits}}));
  return {scale.dtype, {scale.shape[0], 1}, {std::move(piece)}};
}

}  // namespace

ValueOutputs convert_fp8_linear_scale(const ValueRequest& request) {
  const ValueTensor& scale = request.tensor("weight_scale");
  if (request.flag("inverse", false)) {
    if (scale.shape.size() != 2 || scale.shape[1] < 1)
      refuse("shape", "weight_scale", "two dimensions are expected");
    const bool tensor = request.word("strategy", {"tensor", "channel"}, "") == "tensor";
    return {{"weight_scale", tensor ? first_of_equals(scale) : transposed(scale, "weight_scale")}};
  }
  const auto count = static_cast<std::int64_t>(element_count(scale.shape).value_or(0));
  const std::int64_t features = request.integer("out_features", 1, std::int64_t{1} << 40);
  if (count != 1 && count != features) {
    refuse("shape", "weight_scale",
           fmt::format("weight_scale {} is neither one element nor {}", to_string(scale.shape), features));
  }
  ValuePiece piece = piece_at(conversion(scale.dtype, result_of(DType::kF32)), {features}, {0, {1}});
  piece.operands.push_back(operand_at("weight_scale", {0, {count == 1 ? 0 : bits_of(scale.dtype)}}));
  return {{"weight_scale", {DType::kF32, {1, features}, {std::move(piece)}}}};
}

}  // namespace tenon
