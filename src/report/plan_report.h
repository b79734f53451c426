// What `tenon plan` shows: what was chosen and why, what becomes of the tensors, what will be written, what
// was assumed.
#pragma once

#include <string>

#include "checkpoint/checkpoint.h"
#include "plan/plan.h"
#include "rules/rule_set.h"

namespace tenon {

std::string plan_text(const Checkpoint& source, const RuleSet& rules, const Plan& plan);

}  // namespace tenon
