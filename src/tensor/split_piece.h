// Splitting pieces at the borders of dimensions, which every operation that tells dimensions apart starts
// with.
#pragma once

#include <vector>

#include "tensor/view.h"

namespace tenon {

/// More pieces than this in one tensor are no layout that a model has: uneven regroupings of large tensors
/// multiply them.
inline constexpr std::size_t kMaxPieces = std::size_t{1} << 18;
struct TooManyPieces {};

/// Splits a piece so that no loop of the results crosses a multiple of `block` output elements, unless its
/// stride is a multiple of it: each result moves within blocks by some loops and from block to block by the
/// others. Throws TooManyPieces.
void split_at(const Piece& piece, std::int64_t block, std::vector<Piece>& out);

}  // namespace tenon
