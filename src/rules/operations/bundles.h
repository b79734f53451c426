// What the operations have in common: checks of shapes, and the ways in which entries become others.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "rules/operations/layout_operation.h"

namespace tenon {

/// The place of a dimension in a tensor of that many. Throws OperationError where it does not exist.
std::size_t dimension(int dim, std::size_t rank, std::string_view what = "dimension");

/// The one view of an entry. Throws OperationError where there are several.
const View& single(const Entry& entry);

/// Tensors without elements may have extents of any size: those too must not overflow where they are
/// multiplied.
void check_room(const Shape& shape);

/// A tensor taken apart makes that many.
void check_count(std::int64_t parts);

/// Can they be joined along `dim`?
void check_joinable(const std::vector<View>& parts, std::size_t dim);

/// Views of one shape along a new dimension; counts from the end where it is negative.
View stacked(const std::vector<View>& views, int dim);

/// Applies f to every view; an entry that stands alone then belongs to the only target.
void each_view(const OperationContext& context, std::vector<Entry>& entries,
               const std::function<View(const View&)>& f);

/// Numbers as config.json gave them.
std::vector<std::int64_t> values_of(const std::vector<Number>& numbers);

/// Remembers the shapes that an operation takes, for its inverse.
void remember_shapes(const OperationContext& context, const std::vector<Entry>& entries);

/// The shape that the way there remembered of view `i` of the entries in a row; null where it did not.
const Shape* remembered_shape(const OperationContext& context, std::size_t i);

/// Applies an operation with the checks that all have in common. Throws OperationError.
void apply_operation(const Operation& operation, const OperationContext& context,
                     std::vector<Entry>& entries);

}  // namespace tenon
