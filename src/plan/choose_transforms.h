// Which transforms of a rule set apply to a checkpoint, and in which direction.
#pragma once

#include <cstddef>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "options/options.h"
#include "rules/rule_set.h"

namespace tenon {

/// A list in the order in which keys will meet it, inverted on the way back.
struct ChosenTransforms {
  std::vector<Transform> transforms;
  /// By transform: its place in RuleSet::transforms.
  std::vector<std::size_t> rule_of;
};

/// Forward every transform applies. On the way back those that a manifest says were used; without one, all
/// but the PrefixChanges, which may have found nothing to do. Throws UserError where the checkpoint is not in
/// the layout to convert from. What was assumed goes to `notes`.
ChosenTransforms choose_transforms(const Checkpoint& checkpoint, const RuleSet& rules, const Options& options,
                                   std::vector<Diagnostic>& notes);

}  // namespace tenon
