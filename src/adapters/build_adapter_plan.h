// From an adapter's headers, its base and the base's rules to a proven plan of the adapter's conversion.
#pragma once

#include "adapters/base_model.h"
#include "checkpoint/checkpoint.h"
#include "options/options.h"
#include "plan/plan.h"
#include "rules/rule_set.h"

namespace tenon {

/// Does the folder hold a PEFT adapter: adapter_config.json beside tensors of its names?
bool is_adapter(const Checkpoint& checkpoint);

/// What rules are chosen by: the base's config and tensors, or the adapter's own in the base's names. Its
/// manifest is the adapter's, or the base's own where the adapter has none.
Checkpoint checkpoint_to_choose_by(const Checkpoint& adapter, const BaseModel& base,
                                   const AdapterRecord* known);

/// Reads adapter_config.json, and A's of parts that are to be joined, to see whether they are one: no other
/// byte of a tensor. `known`: what the manifest recorded of this conversion or of the way here. The plan is
/// proven: what the rules do to the weights is done to the products, and the way back gives each pair again.
/// Throws UserError.
Plan build_adapter_plan(const Checkpoint& adapter, const BaseModel& base, const RuleSet& rules,
                        const Options& options, const AdapterRecord* known);

}  // namespace tenon
