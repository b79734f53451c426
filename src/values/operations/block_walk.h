// Loops over a matrix in blocks: [leading, rows of blocks, rows, columns of blocks, columns]. Blocks that the
// edges cut off are parts of their own, so that every place in a part is affine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "values/operations/value_operation.h"

namespace tenon {

/// Bits (or elements) for one step along each dimension of a stack of matrices.
struct MatrixStrides {
  std::int64_t leading = 0;
  std::int64_t row = 0;
  std::int64_t column = 0;
};

/// Row-major [.., rows, columns] of elements that are `bits` apart.
MatrixStrides row_major(std::int64_t rows, std::int64_t columns, std::int64_t bits = 1);

struct Affine {
  std::int64_t offset = 0;
  std::vector<std::int64_t> strides;
};

/// Some blocks of one height and one width.
struct BlockPart {
  std::int64_t leading = 1;
  std::int64_t block_rows = 1;
  std::int64_t height = 1;
  std::int64_t block_columns = 1;
  std::int64_t width = 1;
  std::int64_t first_row = 0;
  std::int64_t first_column = 0;
  std::int64_t first_block_row = 0;
  std::int64_t first_block_column = 0;

  // Walking over elements, `fields` neighbouring columns at a time.
  std::vector<std::int64_t> extents(std::int64_t fields = 1) const {
    return {leading, block_rows, height, block_columns, width / fields};
  }
  Affine element(const MatrixStrides& s, std::int64_t fields = 1) const {
    return {first_row * s.row + first_column * s.column,
            {s.leading, height * s.row, s.row, width * s.column, s.column * fields}};
  }
  Affine grid(const MatrixStrides& s) const {
    return {first_block_row * s.row + first_block_column * s.column, {s.leading, s.row, 0, s.column, 0}};
  }

  // Walking over blocks.
  std::vector<std::int64_t> block_extents() const { return {leading, block_rows, block_columns}; }
  Affine block_origin(const MatrixStrides& s) const {
    return {first_row * s.row + first_column * s.column, {s.leading, height * s.row, width * s.column}};
  }
  Affine block_of_grid(const MatrixStrides& s) const {
    return {first_block_row * s.row + first_block_column * s.column, {s.leading, s.row, s.column}};
  }
  std::vector<FoldLoop> block(const MatrixStrides& s) const { return {{height, s.row}, {width, s.column}}; }
};

/// At most four parts: whole blocks, the last columns, the last rows, the corner.
std::vector<BlockPart> parts_in_blocks(std::int64_t leading, std::int64_t rows, std::int64_t columns,
                                       std::int64_t height, std::int64_t width);

/// An operand at an affine place.
ValueOperand operand_at(const std::string& role, const Affine& place);

/// A piece without its operands, which fills elements of the output at `output`.
ValuePiece piece_at(Recipe recipe, std::vector<std::int64_t> extents, const Affine& output);

}  // namespace tenon
