// The rows of a matrix for operations that read or write zero points packed along the rows: in blocks of
// rows, or row by row of the words' period.
#pragma once

#include <cstdint>
#include <vector>

#include "values/operations/word_stream.h"

namespace tenon {

struct RowSet {
  std::int64_t first = 0;
  std::int64_t first_block = 0;
  /// rows of a block
  std::int64_t height = 1;
  std::vector<std::int64_t> extents;
  // rows, blocks of rows, words of packed zero points for a step of each loop
  std::vector<std::int64_t> rows;
  std::vector<std::int64_t> blocks;
  std::vector<std::int64_t> words;
  /// of a packed zero point
  std::vector<CodeSlice> slices;

  /// Strides of something that is `row` bits further in each row, and `block` in each block.
  Affine by_row(std::int64_t row) const { return scaled(first, rows, row); }
  Affine by_block(std::int64_t block) const { return scaled(first_block, blocks, block); }
  Affine by_word(std::int64_t word) const { return scaled(0, words, word); }

 private:
  static Affine scaled(std::int64_t offset, std::vector<std::int64_t> steps, std::int64_t stride) {
    for (std::int64_t& step : steps) step *= stride;
    return {offset * stride, std::move(steps)};
  }
};

/// `packed_bits` of zero points that are packed along the rows; 0: none.
std::vector<RowSet> row_sets(std::int64_t rows, std::int64_t height, std::int64_t packed_bits);

/// The loops of `rows`, then `inner`'s.
Affine then(Affine rows, const Affine& inner);
std::vector<std::int64_t> then(std::vector<std::int64_t> rows, const std::vector<std::int64_t>& inner);

}  // namespace tenon
