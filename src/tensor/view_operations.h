// The operations of the view algebra. Each takes views and gives views and moves no data. Dimensions are
// counted from 0; callers have checked that they exist, that shapes fit, and that the product of the extents
// (of those that are not 0) is at most kMaxElements. All throw TooManyPieces (tensor/split_piece.h).
#pragma once

#include <vector>

#include "tensor/view.h"

namespace tenon {

/// Joins along `dim`, in order. All other extents and the dtypes are equal.
View concatenate(const std::vector<View>& parts, std::size_t dim);

/// Cuts `dim` into parts of the given extents, which add up to its own.
std::vector<View> cut(const View& view, std::size_t dim, const std::vector<std::int64_t>& extents);

/// Joins views of one shape along a new dimension `dim`.
View stack(const std::vector<View>& views, std::size_t dim);

/// One view for each index of `dim`, that dimension removed; other dimensions of extent 1 stay.
std::vector<View> unstack(const View& view, std::size_t dim);

/// The same elements in the same row-major order under another shape.
View reshape(View view, Shape shape);

/// Dimension i of the result is dimension order[i] of the view.
View permute(const View& view, const std::vector<std::size_t>& order);

/// Views `dim` as (first, second), swaps the two and flattens them again.
View regroup(const View& view, std::size_t dim, std::int64_t first, std::int64_t second);

}  // namespace tenon
