// Which layout a checkpoint without a manifest is in: found by trying the rules both ways on its keys.
#pragma once

#include <string>
#include <vector>

#include "base/diagnostics.h"
#include "checkpoint/checkpoint.h"
#include "options/options.h"
#include "plan/convert_views.h"
#include "rules/rule_set.h"

namespace tenon {

/// What a rule list makes of a checkpoint in one direction, and whether the whole list brings it back.
struct LayoutTrial {
  /// some key is renamed or converted
  bool changes = false;
  /// and the list the other way round gives the checkpoint again
  bool comes_back = false;
  /// a second time it would change nothing more
  bool settles = false;
  /// by tensor: renamed or converted
  std::vector<bool> touched;
  /// by tensor: converted
  std::vector<bool> taken;
};

/// The two trials of a checkpoint, and what follows from them.
struct LayoutEvidence {
  LayoutTrial forward;
  LayoutTrial back;

  enum class Verdict { kOriginal, kFused, kOne, kEither, kNeither };
  /// kOriginal, kFused: that layout. kOne: the rules change nothing either way. kEither: the keys fit both.
  /// kNeither: keys of both, or none that the rules bring back. What a list leaves alone once it has been
  /// through it is in that list's layout; so where both bring the checkpoint back, the list that would settle
  /// tells that it has not been through it.
  Verdict verdict() const;

  /// A tensor that only the way to the fused layout (back: only the way to the original one) would change; -1
  /// where there is none.
  std::ptrdiff_t only_forward() const;
  std::ptrdiff_t only_back() const;
};

/// Tries `rules` both ways on the checkpoint's keys. `back`: the inverse list that a checkpoint without a
/// manifest would be taken back by. Reads no tensor.
LayoutEvidence layout_evidence(const Checkpoint& checkpoint, const RuleSet& rules,
                               const std::vector<Transform>& back,
                               const std::vector<LayoutAssumption>& assumptions);

/// Throws UserError where a checkpoint without a manifest is not to be converted to `options.to`: it is there
/// already, its keys fit both layouts and nobody says which it is, or nothing lies where the rules look.
/// Returns notes on keys that lie beside where the rules look.
std::vector<std::string> require_layout(const Checkpoint& checkpoint, const RuleSet& rules,
                                        const std::vector<Transform>& back, const Options& options);

}  // namespace tenon
