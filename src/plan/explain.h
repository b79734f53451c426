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
  /// describe()
  std::string transform;
  /// the key when it came to this transform
  std::string saw;
  /// the key it made of it, nothing: it did not match
  std::optional<std::string> made;
  /// why it did not fire, "" where it did
  std::string why_not;
};

struct Explanation {
  /// as asked for
  std::string key;
  /// a key of the source, or one of the plan's outputs
  bool is_source = true;
  /// the keys that hold its elements on the other side
  std::vector<std::string> results;
  /// from the source's key on
  std::vector<ExplainedStep> steps;
  /// of the first result, on the way back
  std::vector<ExplainedStep> back_steps;
  /// the converter, with its operations; "" for a renaming or a copy
  std::string made_by;
  /// of an output: its source keys
  std::vector<std::string> made_of;
  /// the reason, where a rule drops it
  std::string dropped;
  /// where elements of the first result are computed: how
  std::vector<std::string> computed;
};

/// Explains a key of the source or of the plan's outputs. Throws UserError with near keys where it is
/// neither.
Explanation explain_key(const Checkpoint& source, const RuleSet& rules, const Plan& plan,
                        const std::string& key);

/// Where a key of the source would go by these rules, whether or not the plan stands: for a plan that is
/// refused. Throws UserError with near keys where it is none.
Explanation follow_key(const Checkpoint& source, const RuleSet& rules, Layout to, const std::string& key);

}  // namespace tenon
