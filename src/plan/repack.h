// --quantize packed: integers that AWQ or GPTQ hold become those of compressed-tensors, unchanged.
#pragma once

#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "rules/rule_set.h"

namespace tenon {

/// In place of the model's own rules: takes every weight that AWQ or GPTQ codes, and says so in config.json.
/// Throws UserError where there are none, some are coded in another way, or `ignore` asks for a part of them.
void set_packing(RuleSet& rules, const Checkpoint& checkpoint, const std::vector<std::string>& ignore);

}  // namespace tenon
