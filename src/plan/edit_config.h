// config.json of the converted checkpoint.
#pragma once

#include "base/diagnostics.h"
#include "checkpoint/checkpoint.h"
#include "plan/plan.h"
#include "rules/rule_set.h"

namespace tenon {

/// Sets Plan::config_edits, config_text and config_before: the rules' edits on the way to the fused layout,
/// undone on the way back (by the manifest where there is one: then the source's text comes back verbatim
/// unless somebody changed the file since).
void edit_config(const Checkpoint& checkpoint, const RuleSet& rules, Plan& plan, Diagnostics& diagnostics);

}  // namespace tenon
