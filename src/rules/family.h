// Fusion families: opt-in rules on top of a model's own, for the modules that qualify.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/diagnostics.h"
#include "checkpoint/checkpoint.h"
#include "rules/rule_set.h"

namespace tenon {

/// Puts a family's transforms into `set`: drops what its filter names, checks for conflicts, and on the way
/// to the fused layout finds the modules that it can fuse among the checkpoint's keys as the family meets
/// them. Notes say which modules were left alone, and why.
void apply_family(const RuleFile& family, Layout to, const Checkpoint& checkpoint, RuleSet& set,
                  Diagnostics& diagnostics);

}  // namespace tenon
