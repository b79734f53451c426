// From a checkpoint's headers and a rule set to a proven plan: build, check, lay out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "options/options.h"
#include "plan/plan.h"
#include "rules/operations/layout_operation.h"
#include "rules/rule_set.h"

namespace tenon {

inline constexpr std::uint64_t kDefaultMaxShardSize = 5'000'000'000;

/// The second half of a conversion that goes through a layout that is never written: how that one's tensors
/// are made of the source's, and what of the plan follows in the source's terms.
struct SecondHalf {
  /// parallel to the checkpoint's tensors
  std::vector<View> made;
  /// parallel to Plan::outputs
  std::vector<View> outputs;
  /// of Plan::conditions, those with a view, by their place
  std::map<std::size_t, View> conditions;
};

/// Reads no tensor byte. The plan that is returned is proven: every source tensor accounted for, every output
/// made once, and the way back gives the source's keys, dtypes, shapes and element positions. Throws
/// UserError with everything that stands against it.
Plan build_plan(const Checkpoint& checkpoint, const RuleSet& rules, const Options& options,
                SecondHalf* half = nullptr);

}  // namespace tenon
