// A conversion written as one text, so that a fuzzer can change each part of it:
//
//   tenon: 1                          a rule file
//   ...
//   === config
//   {"hidden_size": 8}                config.json
//   === tensors
//   BF16 4,16 lm_head.weight          dtype, shape, key; `-` is the shape of a scalar
#pragma once

#include <string_view>

#include "checkpoint/checkpoint.h"
#include "rules/rule_set.h"

namespace tenon::fuzz {

struct PlanCase {
  Checkpoint checkpoint;
  RuleSet rules;
};

/// Throws UserError where a part is malformed.
PlanCase read_plan_case(std::string_view text);

}  // namespace tenon::fuzz
