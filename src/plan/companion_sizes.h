// How a weight's cuts and joins fall on the scales beside it.
#pragma once

#include <cstdint>
#include <vector>

#include "rules/operations/layout_operation.h"

namespace tenon {

using PartExtents = std::vector<std::int64_t>;

/// The extents of the parts at each Concatenate and Chunk of a weight's operations, in their order; shorter
/// where an operation does not fit (the weight's own conversion says so).
std::vector<PartExtents> parts_of_weight(OperationContext context, std::vector<Entry> entries);

/// The operation (a Concatenate or a Chunk) as it is for the scales of a weight whose parts there are
/// `weight`: sizes that are written for the weight's rows are counted in rows, blocks or tensors, as the
/// scale is. `block`: rows and columns of a block, empty where config.json says none. Throws OperationError
/// where a part would begin within a block.
Operation sized_for_scale(const Operation& operation, const std::vector<Entry>& entries,
                          const PartExtents& weight, const PartExtents& block);

}  // namespace tenon
