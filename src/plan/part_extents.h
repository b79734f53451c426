// How large the parts of a joined tensor are: along the dimension that Concatenate joins and Chunk cuts.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "plan/apply_operation.h"

namespace tenon {

/// The extents that a Chunk cuts `extent` into: what the way there recorded, what the rule lists, or equal
/// parts where those are declared or the rule says no more than Chunk itself. Throws OperationError where
/// nothing says, or the parts do not add up.
std::vector<std::int64_t> part_extents(const Chunk& chunk, std::optional<std::int64_t> shard_count,
                                       std::int64_t extent, const OperationContext& context);

/// Throws OperationError where the parts that a Concatenate joins are not those that its rule declares. Parts
/// cut at other places that add up to the same are a note.
void check_declared(const PartSizes& sizes, const std::vector<std::int64_t>& extents,
                    const OperationContext& context);

}  // namespace tenon
