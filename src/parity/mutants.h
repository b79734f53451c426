// Planted faults: each changes the fused weights in a way that a wrong rule or a wrong kernel would. A parity
// run that does not reject them proves nothing.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "parity/cpu_operations.h"
#include "parity/module_weights.h"
#include "parity/program.h"

namespace tenon {

struct Mutant {
  std::string name;
  std::string weight;   // what it changes
  bool numeric = true;  // an arithmetic check must see it; false: that the bytes differ is enough
  /// Changes the weights; false where they are left as they are (then the mutant does not apply).
  std::function<bool(ModuleWeights&)> apply;
};

/// The mutants that the fused program gives rise to. `routes`: the experts that the run chose, so that those
/// which are swapped take part.
std::vector<Mutant> mutants_of(const BoundProgram& fused, const ModuleWeights& weights, const Routes& routes);

}  // namespace tenon
