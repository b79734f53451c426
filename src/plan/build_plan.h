// From a checkpoint's headers and a rule set to a proven plan: build, check, lay out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "plan/apply_operation.h"
#include "plan/plan.h"
#include "rules/rule_set.h"

namespace tenon {

struct PlanOptions {
  Layout to = Layout::kFused;
  std::optional<std::uint64_t>
      max_shard_size;                    // bytes; absent: 5 GB, and a one-file checkpoint stays one file
  std::vector<std::string> assume_used;  // ids or rule names of PrefixChanges to invert without a manifest
  std::vector<LayoutAssumption> assume_layout;
  bool one_way = false;  // accept a conversion whose way back does not give the source
};

inline constexpr std::uint64_t kDefaultMaxShardSize = 5'000'000'000;

/// Reads no tensor byte. The plan that is returned is proven: every source tensor accounted for, every output
/// made once, and the way back gives the source's keys, dtypes, shapes and element positions. Throws
/// UserError with everything that stands against it.
Plan build_plan(const Checkpoint& checkpoint, const RuleSet& rules, const PlanOptions& options);

}  // namespace tenon
