// What a plan takes for granted of the bytes, looked at: before a conversion writes, and when what was
// written is read again.
#pragma once

#include <string>
#include <vector>

#include "base/observer.h"
#include "checkpoint/checkpoint.h"
#include "plan/plan.h"

namespace tenon {

/// Looks at the plan's conditions on the source's bytes. Throws UserError where something that is to be zero
/// is not, or two tensors differ that are to be equal: all of them, each with its keys. Returns what is lost
/// because the rules say that it may be. Throws Interrupted, SystemError where the
/// source cannot be read.
std::vector<Diagnostic> check_conditions(const Plan& plan, const Checkpoint& source,
                                         const Observer& observer);

/// A tensor that was not written as planned.
struct WrittenProblem {
  std::string shard;
  std::string what;
};

/// Of written shards (parallel to Plan::shards): zeros that are none, and second names of a tensor with other
/// bytes. What was copied is not looked at.
std::vector<WrittenProblem> written_beside_copies(const Plan& plan, const std::vector<ShardFile>& written);

}  // namespace tenon
