// Affine quantisation as MLX and the Metal kernels of transformers store it: code * scale + bias.
#include <fmt/format.h>

#include "values/operations/operations.h"
#include "values/operations/recipe_builder.h"
#include "values/operations/word_stream.h"

namespace tenon {
namespace {

using Value = RecipeBuilder::Value;

std::string bias_role(const ValueRequest& request) {
  return request.text("bias_name", "qbiases");
}

struct Affinity {
  std::int64_t bits;
  std::int64_t group;
};

Affinity affinity_of(const ValueRequest& request) {
  const Affinity out{request.integer("bits", 1, 8), request.integer("group_size", 1, std::int64_t{1} << 40)};
  if (32 % out.bits != 0) refuse("shape", "weight", fmt::format("{} bits do not fill a word", out.bits));
  return out;
}

// Rows of all dimensions but the last.
std::int64_t rows_before(const Shape& shape) {
  std::int64_t rows = 1;
  for (std::size_t i = 0; i + 1 < shape.size(); ++i) rows *= shape[i];
  return rows;
}

struct FreshAffinity {
  Value scale;
  Value bias;
};

FreshAffinity fresh_affinity(RecipeBuilder& b, Value least, Value most, float top) {
  const auto span = b.divide(b.subtract(most, least), b.constant(top));
  return {b.maximum(span, b.constant(1e-8F)), least};
}

}  // namespace

ValueOutputs metal_dequantize(const ValueRequest& request) {
  const Affinity a = affinity_of(request);
  const std::string bias = bias_role(request);
  const ValueTensor& weight = request.tensor("weight", {DType::kU32});
  const ValueTensor& scales = request.tensor("scales", float_dtypes());
  const ValueTensor& biases = request.tensor(bias, float_dtypes());
  if (weight.shape.empty()) refuse("shape", "weight", "a weight has at least one dimension");
  Shape shape = weight.shape;
  shape.back() *= 32 / a.bits;
  const std::int64_t columns = shape.back();
  Shape grid = shape;
  grid.back() = columns / a.group;
  if (columns % a.group != 0 || scales.shape != grid || biases.shape != grid)
    refuse("shape", "scales",
           fmt::format("weight {}, scales {}, {} {}", to_string(weight.shape), to_string(scales.shape), bias,
                       to_string(biases.shape)));
  const std::int64_t rows = rows_before(shape);
  const Coding code{Format::kUnsigned, static_cast<std::uint8_t>(a.bits)};
  const DType dtype = request.dtype(scales.dtype);
  ValueOutput out{dtype, std::move(shape), {}};
  for (const BlockPart& part : parts_in_blocks(1, rows, columns, 1, a.group)) {
    RecipeBuilder b;
    const auto q = b.input({code});
    const auto s = b.input({coding_or_refuse(scales.dtype)});
    const auto z = b.input({coding_or_refuse(biases.dtype)});
    ValuePiece piece = piece_at(b.finish(b.add(b.multiply(q, s), z), result_of(dtype, request.overflow())),
                                part.extents(), part.element(row_major(rows, columns)));
    piece.operands = {
        operand_at("weight", part.element(row_major(rows, columns, a.bits))),
        operand_at("scales", part.grid(row_major(rows, columns / a.group, bits_of(scales.dtype)))),
        operand_at(bias, part.grid(row_major(rows, columns / a.group, bits_of(biases.dtype))))};
    out.pieces.push_back(std::move(piece));
  }
  return {{"weight", std::move(out)}};
}

ValueOutputs metal_quantize(const ValueRequest& request) {
  const Affinity a = affinity_of(request);
  const std::string bias = bias_role(request);
  const ValueTensor& weight = request.tensor("weight", float_dtypes());
  if (weight.shape.empty() || weight.shape.back() % a.group != 0)
    refuse("shape", "weight",
           fmt::format("columns of {} are no multiple of the group {}", to_string(weight.shape), a.group));
  const std::int64_t columns = weight.shape.back();
  const std::int64_t rows = rows_before(weight.shape);
  const Coding coding = coding_or_refuse(weight.dtype);
  const MatrixStrides stored = row_major(rows, columns, coding.bits);
  const auto top = static_cast<float>((1 << a.bits) - 1);
  Shape grid = weight.shape;
  grid.back() /= a.group;
  const bool recorded = request.has("scales");
  const ValueTensor* scales = nullptr;
  const ValueTensor* biases = nullptr;
  if (recorded) {
    scales = &request.tensor("scales", float_dtypes());
    biases = &request.tensor(bias, float_dtypes());
    if (scales->shape != grid || biases->shape != grid)
      refuse("shape", "scales",
             fmt::format("scales {} and {} {}, expected {}", to_string(scales->shape), bias,
                         to_string(biases->shape), to_string(grid)));
  }
  const BlockPart whole = {1, rows, 1, columns / a.group, a.group, 0, 0, 0, 0};
  const Input least{coding, Demand::kFinite, Fold::kMinimum, whole.block(stored)};
  const Input most{coding, Demand::kFinite, Fold::kMaximum, whole.block(stored)};

  const auto per_group = [&](bool of_bias) {
    ValueOutput out{weight.dtype, grid, {}};
    if (rows * columns == 0) return out;
    RecipeBuilder b;
    const auto low = b.input(least);
    const auto high = b.input(most);
    const FreshAffinity f = fresh_affinity(b, low, high, top);
    ValuePiece piece =
        piece_at(b.finish(of_bias ? f.bias : f.scale, result_of(weight.dtype)), whole.block_extents(),
                 whole.block_of_grid(row_major(rows, columns / a.group)));
    piece.operands.assign(2, operand_at("weight", whole.block_origin(stored)));
    out.pieces.push_back(std::move(piece));
    return out;
  };

  Shape shape = weight.shape;
  shape.back() = words_for(columns, a.bits);
  const std::int64_t words = shape.back();
  ValueOutput codes{DType::kU32, std::move(shape), {}};
  for (const WriteClass& c : write_classes(columns, a.bits, a.group)) {
    if (rows == 0) break;
    RecipeBuilder b;
    ValuePiece piece;
    piece.extents = {rows, c.groups, c.words};
    const std::int64_t bits = coding.bits;
    const Affine element{c.first_element * bits,
                         {columns * bits, c.group_elements * bits, c.period.elements * bits}};
    const auto x = b.input({coding, Demand::kFinite, Fold::kElement, {}, c.by_field(bits)});
    piece.operands.push_back(operand_at("weight", element));
    FreshAffinity f;
    if (recorded) {
      for (const auto* tensor : {scales, biases}) {
        const std::int64_t wide = bits_of(tensor->dtype);
        const auto value = b.input(
            {coding_or_refuse(tensor->dtype), Demand::kNothing, Fold::kElement, {}, c.group_by_field(wide)});
        piece.operands.push_back(operand_at(tensor == scales ? "scales" : bias,
                                            {c.first_group * wide, {columns / a.group * wide, wide, 0}}));
        (tensor == scales ? f.scale : f.bias) = value;
      }
    } else {
      Input low = least;
      Input high = most;
      low.by_field = high.by_field = c.group_by_field(a.group * bits);
      const Affine origin{c.first_group * a.group * bits, {columns * bits, a.group * bits, 0}};
      piece.operands.push_back(operand_at("weight", origin));
      piece.operands.push_back(operand_at("weight", origin));
      const auto first = b.input(low);
      const auto last = b.input(high);
      f = fresh_affinity(b, first, last, top);
    }
    const auto code = b.clamp(b.round_integer(b.divide(b.subtract(x, f.bias), f.scale)), 0, top);
    Result result{{Format::kUnsigned, static_cast<std::uint8_t>(a.bits)}};
    result.fields = c.shifts();
    piece.recipe = b.finish(code, std::move(result));
    piece.output_offset = c.first_word;
    piece.output_strides = {words, c.group_words, c.period.words};
    codes.pieces.push_back(std::move(piece));
  }
  return {{"weight", std::move(codes)},
          {"scales", recorded ? copied(*scales, "scales") : per_group(false)},
          {bias, recorded ? copied(*biases, bias) : per_group(true)}};
}

}  // namespace tenon
