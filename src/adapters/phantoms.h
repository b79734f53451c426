// The phantom checkpoint: tensors of the base, with names and shapes and nothing else, for the rules to be
// run on.
#pragma once

#include <vector>

#include "adapters/adapter.h"
#include "adapters/base_model.h"
#include "adapters/follow_pairs.h"
#include "base/diagnostics.h"
#include "options/options.h"
#include "rules/rule_set.h"

namespace tenon {

struct PhantomCheckpoint {
  Checkpoint checkpoint;
  /// parallel to its tensors
  std::vector<Phantom> phantoms;
};

/// The options by which phantoms are planned: a layer that the adapter leaves alone is not missing.
Options options_for_phantoms(const Options& options, Layout to, bool one_way);

/// The tensors that an adapter changes or has whole, in the base's names, and the `absent` ones. The config
/// is the base's; the manifest is `manifest` without what it says of tensors and files.
PhantomCheckpoint phantom_checkpoint(const Adapter& adapter, const std::map<std::string, Shape>& absent,
                                     const Checkpoint& base, const std::optional<Manifest>& manifest,
                                     Diagnostics& diagnostics);

/// Tensors of the base that become one with a tensor of the adapter's by a converter, and that the adapter
/// leaves alone: on the way to the fused layout.
std::map<std::string, Shape> absent_parts(const Adapter& adapter, const BaseModel& base,
                                          const RuleSet& rules);

}  // namespace tenon
