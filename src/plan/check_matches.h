// Rules that find no key.
#pragma once

#include "base/diagnostics.h"
#include "checkpoint/checkpoint.h"
#include "plan/plan.h"
#include "rules/rule_set.h"

namespace tenon {

/// Transforms, drops and families that match nothing: a note of the plan, or an error where they must match.
/// Reads Plan::transforms and transform_used.
void check_matches(const Checkpoint& checkpoint, const RuleSet& rules, Plan& plan, Diagnostics& diagnostics);

}  // namespace tenon
