// Why a key becomes what it becomes: each transform in order, what it saw and made, both ways.
#pragma once

#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "plan/map_keys.h"
#include "plan/plan.h"
#include "rules/rule_set.h"

namespace tenon {

/// What one transform did with the key.
struct ExplainedStep {
  std::string transform;            // describe()
  std::string saw;                  // the key when it came to this transform
  std::optional<std::string> made;  // the key it made of it, nothing: it did not match
  std::string why_not;              // why it did not fire, "" where it did
};

struct Explanation {
  std::string key;                        // as asked for
  bool is_source = true;                  // a key of the source, or one of the plan's outputs
  std::vector<std::string> results;       // the keys that hold its elements on the other side
  std::vector<ExplainedStep> steps;       // from the source's key on
  std::vector<ExplainedStep> back_steps;  // of the first result, on the way back
  std::string made_by;                    // the converter, with its operations; "" for a renaming or a copy
  std::vector<std::string> made_of;       // of an output: its source keys
  std::string dropped;                    // the reason, where a rule drops it
};

/// Explains a key of the source or of the plan's outputs. Throws UserError with near keys where it is
/// neither.
Explanation explain_key(const Checkpoint& source, const RuleSet& rules, const Plan& plan,
                        const std::string& key);

}  // namespace tenon
