// PackedDequantize and PackedQuantize: integers of 1 to 8 bits in rows of words, as compressed-tensors packs
// them; zero points are packed along the rows.
#include <fmt/format.h>

#include <algorithm>

#include "values/operations/integers.h"
#include "values/operations/operations.h"
#include "values/operations/row_sets.h"
#include "values/operations/scaled.h"

namespace tenon {
namespace {

using Value = RecipeBuilder::Value;
constexpr const char* kZeroPoint = "weight_zero_point";

struct PackedMatrix {
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t bits;
  std::int64_t words;  // of a row

  float half() const { return static_cast<float>(1 << (bits - 1)); }
};

PackedMatrix whole_matrix(const ValueRequest& request, const ValueTensor& packed, std::int64_t bits) {
  if (packed.shape.size() != 2) refuse("shape", "weight_packed", "two dimensions are expected");
  PackedMatrix out{packed.shape[0], 0, bits, packed.shape[1]};
  if (request.has("weight_shape")) {
    const auto shape = request.integers("weight_shape");
    if (shape.size() != 2 || shape[0] != out.rows || shape[1] < 0)
      refuse("shape", "weight_shape",
             fmt::format("weight_shape does not fit weight_packed {}", to_string(packed.shape)));
    out.columns = shape[1];
  } else {
    if (32 % bits != 0)
      refuse("missing", "weight_shape",
             "the width cannot be told from the packed tensor: weight_shape is missing");
    out.columns = packed.shape[1] * (32 / bits);
  }
  if (words_for(out.columns, bits) != out.words)
    refuse("shape", "weight_packed",
           fmt::format("{} values of {} bits need {} words, weight_packed {} has {}", out.columns, bits,
                       words_for(out.columns, bits), to_string(packed.shape), out.words));
  return out;
}

// Zero points: none, a byte each, or packed along the rows.
struct ZeroPoints {
  bool any = false;
  bool packed = false;
  Coding coding;
  std::int64_t columns = 1;  // of the grid
};

ZeroPoints zero_points(const ValueRequest& request, const ScaleGrid& grid, const PackedMatrix& matrix) {
  const ValueTensor& zero = request.tensor(kZeroPoint, {DType::kI32, DType::kI8});
  ZeroPoints out{true, zero.dtype == DType::kI32, coding_or_refuse(zero.dtype), 1};
  if (grid.shape.size() == 2) out.columns = grid.shape[1];
  if (!out.packed) {
    check_grid(zero, kZeroPoint, grid);
    return out;
  }
  const bool fits = zero.shape.size() == 2 && zero.shape[0] == words_for(matrix.rows, matrix.bits) &&
                    zero.shape[1] == out.columns &&
                    (grid.shape.size() == 2 ? grid.shape[0] : 1) == matrix.rows;
  if (!fits) refuse("shape", kZeroPoint, fmt::format("{} is {}", kZeroPoint, to_string(zero.shape)));
  return out;
}

// The zero point of a row set's rows; `columns`: its place along the columns, in elements of the grid.
Value zero_value(RecipeBuilder& b, const ZeroPoints& zeros, const RowSet& rows, const ScaleGrid& grid,
                 const Affine& columns, const std::vector<std::int64_t>& by_field, const PackedMatrix& matrix,
                 std::vector<ValueOperand>& operands) {
  const auto scaled = [&](std::int64_t stride) {
    Affine out = columns;
    out.offset *= stride;
    for (std::int64_t& s : out.strides) s *= stride;
    return out;
  };
  const auto fields = [&](std::int64_t stride) {
    std::vector<std::int64_t> out = by_field;
    for (std::int64_t& f : out) f *= stride;
    return out;
  };
  if (!zeros.packed) {
    const MatrixStrides s = grid.strides(8);
    operands.push_back(operand_at(kZeroPoint, then(rows.by_block(s.row), scaled(s.column))));
    return b.input({zeros.coding, Demand::kNothing, Fold::kElement, {}, fields(s.column)});
  }
  std::vector<Value> parts;
  for (const CodeSlice& slice : rows.slices) {
    Affine place = then(rows.by_word(zeros.columns * 32), scaled(32));
    place.offset += slice.word * zeros.columns * 32 + slice.bit;
    operands.push_back(operand_at(kZeroPoint, place));
    parts.push_back(b.input({unsigned_bits(slice.width), Demand::kNothing, Fold::kElement, {}, fields(32)}));
  }
  Value code = parts[0];
  if (parts.size() == 2)
    code = b.add(code, b.multiply(parts[1], b.constant(static_cast<float>(1 << rows.slices[1].shift))));
  return b.subtract(code, b.constant(matrix.half()));
}

ValueOutput packed_codes(const ValueRequest& request, const ValueTensor& weight, const PackedMatrix& matrix,
                         const ScaleGrid& grid, const CodeRange& range, const ZeroPoints& zeros,
                         bool recorded) {
  const Coding coding = coding_or_refuse(weight.dtype);
  const MatrixStrides stored = row_major(matrix.rows, matrix.columns, coding.bits);
  std::optional<GridScale> scale;
  if (recorded) scale = grid_scale(request, grid);
  ValueOutput out{DType::kI32, {matrix.rows, matrix.words}, {}};
  for (const RowSet& rows : row_sets(matrix.rows, grid.height, zeros.packed ? matrix.bits : 0)) {
    for (const WriteClass& c : write_classes(matrix.columns, matrix.bits, grid.width)) {
      RecipeBuilder b;
      ValuePiece piece;
      const Affine element{c.first_element * stored.column,
                           {c.group_elements * stored.column, c.period.elements * stored.column}};
      const auto x = b.input({coding, Demand::kFinite, Fold::kElement, {}, c.by_field(stored.column)});
      piece.operands.push_back(operand_at("weight", then(rows.by_row(stored.row), element)));
      FreshGroup group;
      Coding computes{Format::kF32, 32};
      if (scale) {
        group.scale = b.input(
            {scale->coding, Demand::kScale, Fold::kElement, {}, c.group_by_field(scale->strides.column)});
        piece.operands.push_back(operand_at(
            "weight_scale", then(rows.by_block(scale->strides.row),
                                 {c.first_group * scale->strides.column, {scale->strides.column, 0}})));
        if (zeros.any) {
          group.zero = zero_value(b, zeros, rows, grid, {c.first_group, {1, 0}}, c.group_by_field(1), matrix,
                                  piece.operands);
        }
      } else {
        const std::int64_t width = std::min(grid.width, matrix.columns - c.first_group * grid.width);
        for (const WordField& field : c.fields) {
          if (field.group > 0 && (c.first_group + field.group + 1) * grid.width > matrix.columns)
            refuse("parameter", "", "a word would hold codes of a whole block and of one that is cut off");
        }
        computes = coding;
        Input low{coding,
                  Demand::kFinite,
                  Fold::kMinimum,
                  {{rows.height, stored.row}, {width, stored.column}},
                  c.group_by_field(grid.width * stored.column)};
        Input high = low;
        high.fold = Fold::kMaximum;
        Affine origin =
            then(rows.by_block(grid.height * stored.row),
                 {c.first_group * grid.width * stored.column, {c.group_elements * stored.column, 0}});
        piece.operands.push_back(operand_at("weight", origin));
        piece.operands.push_back(operand_at("weight", origin));
        const auto least = b.input(std::move(low));
        const auto most = b.input(std::move(high));
        group = fresh_group(b, least, most, weight.dtype, range, !zeros.any);
      }
      const auto code =
          b.add(scaled_code(b, x, group.scale, group.zero, computes, range), b.constant(matrix.half()));
      piece.recipe = b.finish(code, packed_words(matrix.bits, c.shifts()));
      const Affine place = then(rows.by_row(matrix.words), {c.first_word, {c.group_words, c.period.words}});
      piece.extents = then(rows.extents, {c.groups, c.words});
      piece.output_offset = place.offset;
      piece.output_strides = place.strides;
      out.pieces.push_back(std::move(piece));
    }
  }
  return out;
}

// A scale, or the zero points of a column of words, for each block.
ValueOutputs fresh_grids(const ValueTensor& weight, const PackedMatrix& matrix, const ScaleGrid& grid,
                         const CodeRange& range, bool symmetric) {
  const Coding coding = coding_or_refuse(weight.dtype);
  const MatrixStrides stored = row_major(matrix.rows, matrix.columns, coding.bits);
  const std::int64_t block_columns = grid.shape.size() == 2 ? grid.shape[1] : 1;
  const std::int64_t block_rows = grid.shape.size() == 2 ? grid.shape[0] : 1;
  ValueOutput scales{weight.dtype, grid.shape, {}};
  ValueOutput zeros{DType::kI32, grid.shape, {}};
  zeros.shape[0] = words_for(block_rows, matrix.bits);
  if (!symmetric && matrix.rows % grid.height != 0)
    refuse("parameter", "", "zero points of blocks that are cut off are not packed");
  for (const BlockPart& part : parts_in_blocks(1, matrix.rows, matrix.columns, grid.height, grid.width)) {
    Input low{coding, Demand::kFinite, Fold::kMinimum, part.block(stored)};
    Input high{coding, Demand::kFinite, Fold::kMaximum, part.block(stored)};
    RecipeBuilder b;
    const auto least = b.input(low);
    const auto most = b.input(high);
    const FreshGroup group = fresh_group(b, least, most, weight.dtype, range, symmetric);
    ValuePiece piece = piece_at(b.finish(group.scale, result_of(weight.dtype)), part.block_extents(),
                                part.block_of_grid({0, block_columns, 1}));
    piece.operands.assign(2, operand_at("weight", part.block_origin(stored)));
    scales.pieces.push_back(std::move(piece));
    if (symmetric || part.first_block_row > 0) continue;
    for (const WriteClass& c : write_classes(block_rows, matrix.bits, block_rows)) {
      RecipeBuilder z;
      low.by_field = high.by_field = c.by_field(grid.height * stored.row);
      const auto first = z.input(low);
      const auto last = z.input(high);
      const auto point = *fresh_group(z, first, last, weight.dtype, range, false).zero;
      const Recipe recipe =
          z.finish(z.add(point, z.constant(matrix.half())), packed_words(matrix.bits, c.shifts()));
      ValuePiece words = piece_at(
          recipe, {c.words, part.block_columns},
          {c.first_word * block_columns + part.first_block_column, {c.period.words * block_columns, 1}});
      const Affine origin{c.first_element * grid.height * stored.row + part.first_column * stored.column,
                          {c.period.elements * grid.height * stored.row, part.width * stored.column}};
      words.operands.assign(2, operand_at("weight", origin));
      zeros.pieces.push_back(std::move(words));
    }
  }
  ValueOutputs made = {{"weight_scale", std::move(scales)}};
  if (!symmetric) made.emplace(kZeroPoint, std::move(zeros));
  return made;
}

// Zero points of a byte each are packed along the rows.
ValueOutput packed_zeros(const ValueTensor& zero, const PackedMatrix& matrix) {
  if (zero.shape.size() != 2) refuse("shape", kZeroPoint, "two dimensions are expected");
  const std::int64_t columns = zero.shape[1];
  ValueOutput out{DType::kI32, {words_for(zero.shape[0], matrix.bits), columns}, {}};
  for (const WriteClass& c : write_classes(zero.shape[0], matrix.bits, zero.shape[0])) {
    RecipeBuilder b;
    const auto z =
        b.input({{Format::kSigned, 8}, Demand::kNothing, Fold::kElement, {}, c.by_field(columns * 8)});
    ValuePiece piece =
        piece_at(b.finish(b.add(z, b.constant(matrix.half())), packed_words(matrix.bits, c.shifts())),
                 {c.words, columns}, {c.first_word * columns, {c.period.words * columns, 1}});
    piece.operands.push_back(
        operand_at(kZeroPoint, {c.first_element * columns * 8, {c.period.elements * columns * 8, 8}}));
    out.pieces.push_back(std::move(piece));
  }
  return out;
}

}  // namespace

ValueOutputs packed_dequantize(const ValueRequest& request) {
  const ValueTensor& packed = request.tensor("weight_packed", {DType::kI32});
  const PackedMatrix matrix = whole_matrix(request, packed, request.integer("num_bits", 1, 8));
  const ScaleGrid grid = scale_grid(request, matrix.rows, matrix.columns);
  const GridScale scale = grid_scale(request, grid);
  ZeroPoints zeros;
  if (!request.flag("symmetric", true)) zeros = zero_points(request, grid, matrix);
  const DType dtype = request.dtype(scale.dtype);
  ValueOutput out{dtype, {matrix.rows, matrix.columns}, {}};
  for (const RowSet& rows : row_sets(matrix.rows, grid.height, zeros.packed ? matrix.bits : 0)) {
    for (const BlockPart& part : parts_in_blocks(1, 1, matrix.columns, 1, grid.width)) {
      const auto columns = [&](std::int64_t column) {
        return Affine{part.first_column * column, {part.width * column, column}};
      };
      RecipeBuilder b;
      ValuePiece piece;
      const auto code = b.input({unsigned_bits(matrix.bits)});
      const auto s = b.input({scale.coding, Demand::kScale});
      piece.operands = {
          operand_at("weight_packed", then(rows.by_row(matrix.words * 32), columns(matrix.bits))),
          operand_at("weight_scale",
                     then(rows.by_block(scale.strides.row),
                          {part.first_block_column * scale.strides.column, {scale.strides.column, 0}}))};
      std::optional<Value> zero;
      if (zeros.any) {
        zero =
            zero_value(b, zeros, rows, grid, {part.first_block_column, {1, 0}}, {}, matrix, piece.operands);
      }
      const auto q = b.subtract(code, b.constant(matrix.half()));
      piece.recipe =
          b.finish(scaled_value(b, q, zero, s, scale.computes), result_of(dtype, request.overflow()));
      piece.extents = then(rows.extents, {part.block_columns, part.width});
      const Affine place = then(rows.by_row(matrix.columns), columns(1));
      piece.output_offset = place.offset;
      piece.output_strides = place.strides;
      out.pieces.push_back(std::move(piece));
    }
  }
  return {{"weight", std::move(out)}};
}

ValueOutputs packed_quantize(const ValueRequest& request) {
  const ValueTensor& weight = request.tensor("weight", float_dtypes());
  if (weight.shape.size() != 2) refuse("shape", "weight", "a weight of two dimensions is expected");
  const std::int64_t bits = request.integer("num_bits", 1, 8);
  const PackedMatrix matrix{weight.shape[0], weight.shape[1], bits, words_for(weight.shape[1], bits)};
  const CodeRange range = code_range(request, false);
  const ScaleGrid grid = scale_grid(request, matrix.rows, matrix.columns);
  const bool recorded = request.has("weight_scale");
  const bool symmetric = recorded ? !request.has(kZeroPoint) : request.flag("symmetric", true);
  ZeroPoints zeros;
  zeros.any = !symmetric;
  if (recorded && !symmetric) zeros = zero_points(request, grid, matrix);
  ValueOutputs made =
      recorded ? ValueOutputs{{"weight_scale", copied(request.tensor("weight_scale"), "weight_scale")}}
               : fresh_grids(weight, matrix, grid, range, symmetric);
  if (zeros.packed)
    made.emplace(kZeroPoint, copied(request.tensor(kZeroPoint), kZeroPoint));
  else if (recorded && zeros.any)
    made.emplace(kZeroPoint, packed_zeros(request.tensor(kZeroPoint), matrix));
  made.emplace("weight_packed", packed_codes(request, weight, matrix, grid, range, zeros, recorded));
  made.emplace("weight_shape", shape_tensor(matrix.rows, matrix.columns));
  return made;
}

}  // namespace tenon
