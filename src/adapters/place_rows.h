// Rows of matrices put into the rows of another, by lists of indices.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/view.h"

namespace tenon {

/// A view [n, k] whose row i becomes row `to[i]`, or none where that is negative.
struct PlacedRows {
  const View* view = nullptr;
  const std::vector<std::int64_t>* to = nullptr;
};

/// [extent, k]: the rows of all parts at their places, zeros elsewhere. No two have one place.
View place_rows(const std::vector<PlacedRows>& parts, std::int64_t extent);

/// The pieces that read the rows which have no place.
std::vector<Piece> rows_without_place(const View& view, const std::vector<std::int64_t>& to);

}  // namespace tenon
