// Where a recipe's operands stand while it is evaluated: in memory, at bits. Every code in a checkpoint has
// an affine place of this kind: a nibble of a byte, a field of a dense stream of integers, the scale of a
// block (a stride of 0 inside it).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "values/recipe.h"

namespace tenon {

/// No nest has more loops.
inline constexpr std::size_t kMostLoops = 64;

struct NestOperand {
  /// of the whole tensor
  const std::byte* bytes = nullptr;
  /// bytes of it
  std::uint64_t size = 0;
  /// bits to the first element
  std::int64_t offset = 0;
  /// bits, one a loop
  std::vector<std::int64_t> strides = {};
};

/// A loop nest over the elements of an output, outermost loop first; no loops: one element.
struct Nest {
  std::vector<std::int64_t> extents;
  /// parallel to Recipe::inputs
  std::vector<NestOperand> operands;
};

/// The first element, in the order of the nest, of which a number was refused.
struct Refused {
  Refusal refusal = Refusal::kRange;
  /// in the order of the nest
  std::uint64_t element = 0;
  /// the input that was refused; -1: the result
  int input = -1;
  double value = 0;
};

/// The same places in the same order, in as few loops as they need: of operands `first` to `last` - 1.
void join_loops(const Nest& nest, std::size_t first, std::size_t last, Nest& out);

/// Elements of a nest.
std::uint64_t element_count(const Nest& nest);

}  // namespace tenon
