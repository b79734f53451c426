// View algebra. A tensor under construction is a shape and a list of pieces, each a strided copy out of one
// source tensor. Every layout operation rewrites the pieces and touches no data, so a chain of operations of
// any length is still one pass over the bytes.
//
// Offsets and strides count elements of row-major tensors. The pieces of a view cover each of its elements
// exactly once; every operation keeps that (plan/view_operations.h), and `covers_exactly_once` proves it for
// tests.
#pragma once

#include <cstdint>
#include <vector>

#include "checkpoint/dtype.h"

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

struct Piece {
  std::uint32_t source = 0;  // index of the source tensor
  std::int64_t source_offset = 0;
  std::int64_t output_offset = 0;
  std::vector<Loop> loops;  // by falling output stride; empty: one element
  bool operator==(const Piece&) const = default;
};

struct View {
  DType dtype = DType::kF32;
  Shape shape;
  std::vector<Piece> pieces;  // by rising output offset after normalise(); none for a tensor without elements
};

/// The whole of source tensor `source`, unchanged.
View identity_view(std::uint32_t source, DType dtype, const Shape& shape);

/// Elements that a piece copies.
std::int64_t element_count(const Piece& piece);

/// Sorts loops and pieces, merges loops and pieces that run on. Two views of the same elements that were made
/// by renaming and stacking alone become equal; in general equality is decided by is_identity() and
/// covers_exactly_once().
void normalise(View& view);

/// Is every element where it is in source tensor `source` of the same shape?
bool is_identity(const View& view, std::uint32_t source);

}  // namespace tenon
