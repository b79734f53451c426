// How large the parts of a joined tensor are: along the dimension that is joined and cut again.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "rules/operations/layout_operation.h"

namespace tenon {

/// The extents that `extent` is cut into: what the way there recorded, what the rule lists, or equal parts
/// (as many as `shard_count`, else as there are targets) where those are declared or the rule says no more
/// than that. Throws OperationError where nothing says, or the parts do not add up.
std::vector<std::int64_t> part_extents(const PartSizes& sizes, std::optional<std::int64_t> shard_count,
                                       std::int64_t extent, const OperationContext& context);

/// Throws OperationError where joined parts are not those that the rule declares. Parts cut at other places
/// that add up to the same are a note.
void check_declared(const PartSizes& sizes, const std::vector<std::int64_t>& extents,
                    const OperationContext& context);

}  // namespace tenon
