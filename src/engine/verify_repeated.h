// What several copies read, compared with each of them: the inverse of a conversion would show one alone.
#pragma once

#include <vector>

#include "base/observer.h"
#include "engine/engine.h"
#include "engine/transfer.h"
#include "engine/written_difference.h"

namespace tenon {

/// The first difference of each output, in the plan's order, from what the copies of `repeated`
/// (take_repeated()) read. `written` is parallel to Plan::shards. Throws as verify_written() does.
std::vector<WrittenDifference> verify_repeated(const Plan& plan, const Checkpoint& source,
                                               const Transfer& repeated,
                                               const std::vector<ShardFile>& written,
                                               const EngineOptions& options, Observer& observer);

}  // namespace tenon
