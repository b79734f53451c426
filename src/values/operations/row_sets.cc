#include "values/operations/row_sets.h"

namespace tenon {

std::vector<RowSet> row_sets(std::int64_t rows, std::int64_t height, std::int64_t packed_bits) {
  std::vector<RowSet> out;
  if (packed_bits == 0) {
    for (const BlockPart& part : parts_in_blocks(1, rows, 1, height, 1)) {
      out.push_back({part.first_row,
                     part.first_block_row,
                     part.height,
                     {part.block_rows, part.height},
                     {part.height, 1},
                     {1, 0},
                     {0, 0},
                     {}});
    }
    return out;
  }
  const WordPeriod period = word_period(packed_bits);
  for (ReadClass& c : read_classes(rows, packed_bits)) {
    out.push_back({c.first,
                   c.first,
                   1,
                   {c.count},
                   {period.elements},
                   {period.elements},
                   {period.words},
                   std::move(c.slices)});
  }
  return out;
}

Affine then(Affine rows, const Affine& inner) {
  rows.offset += inner.offset;
  rows.strides.insert(rows.strides.end(), inner.strides.begin(), inner.strides.end());
  return rows;
}

std::vector<std::int64_t> then(std::vector<std::int64_t> rows, const std::vector<std::int64_t>& inner) {
  rows.insert(rows.end(), inner.begin(), inner.end());
  return rows;
}

}  // namespace tenon
