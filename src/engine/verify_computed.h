// What recipes computed, computed again: by the second evaluator, which shares nothing with the one that
// wrote.
#pragma once

#include <vector>

#include "base/observer.h"
#include "engine/engine.h"
#include "engine/transfer.h"
#include "engine/written_difference.h"

namespace tenon {

/// Bytes that recipes fill.
std::uint64_t computed_bytes(const Transfer& transfer);

/// The first difference of each output, in the plan's order. `written` is parallel to Plan::shards. Throws as
/// verify_written() does.
std::vector<WrittenDifference> verify_computed(const Plan& plan, const Checkpoint& source,
                                               const Transfer& transfer,
                                               const std::vector<ShardFile>& written,
                                               const EngineOptions& options, Observer& observer);

}  // namespace tenon
