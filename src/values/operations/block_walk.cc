#include "values/operations/block_walk.h"

#include <algorithm>

namespace tenon {

MatrixStrides row_major(std::int64_t rows, std::int64_t columns, std::int64_t bits) {
  return {rows * columns * bits, columns * bits, bits};
}

std::vector<BlockPart> parts_in_blocks(std::int64_t leading, std::int64_t rows, std::int64_t columns,
                                       std::int64_t height, std::int64_t width) {
  struct Stretch {
    std::int64_t blocks, extent, first, first_block;
  };
  const auto stretches = [](std::int64_t total, std::int64_t block) {
    std::vector<Stretch> out;
    const std::int64_t whole = total / block;
    if (whole > 0) out.push_back({whole, block, 0, 0});
    if (total % block != 0) out.push_back({1, total % block, whole * block, whole});
    return out;
  };
  std::vector<BlockPart> parts;
  if (leading == 0) return parts;
  for (const Stretch& r : stretches(rows, height)) {
    for (const Stretch& c : stretches(columns, width)) {
      parts.push_back(
          {leading, r.blocks, r.extent, c.blocks, c.extent, r.first, c.first, r.first_block, c.first_block});
    }
  }
  return parts;
}

ValueOperand operand_at(const std::string& role, const Affine& place) {
  return {role, place.offset, place.strides};
}

ValuePiece piece_at(Recipe recipe, std::vector<std::int64_t> extents, const Affine& output) {
  return {std::move(recipe), {}, output.offset, std::move(extents), output.strides};
}

}  // namespace tenon
