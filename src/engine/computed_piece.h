// A piece of a target that is computed by a recipe: elements in loops, clipped to a range of bytes as copies
// are.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "engine/region.h"
#include "plan/plan.h"
#include "values/recipe.h"

namespace tenon {

struct ComputedOperand {
  std::uint32_t source = 0;
  /// bits
  std::int64_t offset = 0;
  std::vector<std::int64_t> strides;
};

/// A loop nest over elements of a target, by falling target stride.
struct ComputedPiece {
  std::uint32_t recipe = 0;
  std::uint64_t element_bytes = 1;
  /// bytes
  std::uint64_t target_offset = 0;
  std::vector<std::int64_t> extents;
  /// bytes
  std::vector<std::uint64_t> target_strides;
  /// parallel to the recipe's inputs
  std::vector<ComputedOperand> operands;
};

/// The piece of an output that a recipe fills. Throws std::logic_error where it leaves its tensors.
ComputedPiece lower_computed(const Piece& piece, const PlannedTensor& output, const Recipe& recipe,
                             const std::vector<Region>& sources);

std::uint64_t element_count(const ComputedPiece& piece);
std::uint64_t end_of(const ComputedPiece& piece);

/// Calls `use` with the parts of a piece that fill target bytes begin..end, which are whole elements.
void clip(const ComputedPiece& piece, std::uint64_t begin, std::uint64_t end,
          const std::function<void(const ComputedPiece&)>& use);

/// The bytes of a source tensor between the first and the last that an operand reads.
struct ByteSpan {
  std::uint64_t begin = 0;
  std::uint64_t size = 0;
};
ByteSpan span_read(const ComputedPiece& piece, std::size_t operand, const Recipe& recipe);

}  // namespace tenon
