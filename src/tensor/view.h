// View algebra. A tensor under construction is a shape and a list of pieces, each a strided copy out of one
// source tensor. Every layout operation rewrites the pieces and touches no data, so a chain of operations of
// any length is still one pass over the bytes.
//
// A piece may compute instead of copying: then it names a recipe (src/values) and has as many operands as the
// recipe has inputs. Layout operations rewrite where elements go and let every operand follow, so that they
// and recipes commute.
//
// Offsets and strides count elements of row-major tensors; those of a recipe's operands count bits. The
// pieces of a view cover each of its elements exactly once; every operation keeps that
// (tensor/view_operations.h), and `covers_exactly_once` proves it for tests.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tensor/dtype.h"

namespace tenon {

/// No tensor of a plan has more elements, so that offsets and strides are computed without overflow.
inline constexpr std::int64_t kMaxElements = std::int64_t{1} << 61;

/// for c in 0..extent: source += source_stride, output += output_stride.
struct Loop {
  std::int64_t extent = 1;
  std::int64_t source_stride = 1;
  std::int64_t output_stride = 1;
  bool operator==(const Loop&) const = default;
};

/// The source of a piece that copies nothing: its elements are zero.
inline constexpr std::uint32_t kNoSource = ~std::uint32_t{0};

/// Where a recipe's further inputs stand: `offset` bits into a source tensor, `strides[i]` bits on for each
/// step of loop i; 0: the same code again.
struct Operand {
  std::uint32_t source = 0;
  std::int64_t offset = 0;
  std::vector<std::int64_t> strides;
  bool operator==(const Operand&) const = default;
};

struct Piece {
  // index of the source tensor; kNoSource: zeros, with source offset and strides 0, or a recipe without
  // inputs
  std::uint32_t source = 0;
  std::int64_t source_offset = 0;
  std::int64_t output_offset = 0;
  /// by falling output stride; empty: one element
  std::vector<Loop> loops;
  // 0: elements are copied; else they are computed, and the source's offset and strides count bits
  std::uint32_t recipe = 0;
  // inputs of the recipe but the first
  std::vector<Operand> more = {};
  bool operator==(const Piece&) const = default;
};

struct View {
  DType dtype = DType::kF32;
  Shape shape;
  /// by rising output offset after normalise(); none for a tensor without elements
  std::vector<Piece> pieces;
};

/// The whole of source tensor `source`, unchanged.
View identity_view(std::uint32_t source, DType dtype, const Shape& shape);

/// A tensor of zeros.
View zero_view(DType dtype, const Shape& shape);

/// Is nothing copied, but zeros written?
inline bool is_zero(const Piece& piece) {
  return piece.source == kNoSource && piece.recipe == 0;
}

/// Are elements computed?
inline bool is_computed(const Piece& piece) {
  return piece.recipe != 0;
}
bool has_computed(const View& view);

/// The source tensors that a piece reads.
std::vector<std::uint32_t> sources_of(const Piece& piece);
/// Those of all its pieces, once each, in rising order.
std::vector<std::uint32_t> sources_of(const View& view);

/// Moves a piece on by so many steps of a loop.
void advance(Piece& piece, std::size_t loop, std::int64_t steps);

/// Takes a loop out of a piece: one that makes a single step.
void erase_loop(Piece& piece, std::size_t loop);

/// The pieces that copy something.
std::vector<Piece> copies_of(const View& view);

/// The pieces that are zeros.
std::vector<Piece> zeros_of(const View& view);

/// Elements that a piece copies.
std::int64_t element_count(const Piece& piece);

/// Sorts loops and pieces, merges loops and pieces that run on. Two views of the same elements that were made
/// by renaming and stacking alone become equal; in general equality is decided by is_identity() and
/// covers_exactly_once().
void normalise(View& view);

/// Is every element where it is in source tensor `source` of the same shape?
bool is_identity(const View& view, std::uint32_t source);

/// A run of elements, begin..end.
struct ElementRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  bool operator==(const ElementRange&) const = default;
};

/// Which elements of the output pieces fill, or of their source they read: by rising place, without overlaps;
/// nothing where it takes more than `limit` ranges to say.
std::optional<std::vector<ElementRange>> filled_by(const std::vector<Piece>& pieces, std::size_t limit);
std::optional<std::vector<ElementRange>> read_by(const std::vector<Piece>& pieces, std::size_t limit);

}  // namespace tenon
