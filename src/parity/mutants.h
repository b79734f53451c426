// Planted faults: each changes the fused weights in a way that a wrong rule or a wrong kernel would. A parity
// run that does not reject them proves nothing.
#pragma once

#include <string>
#include <vector>

#include "modules/module_weights.h"
#include "modules/program.h"
#include "modules/run.h"
#include "modules/weight_edit.h"

namespace tenon {

struct Mutant {
  std::string name;
  /// what it changes
  std::string weight;
  /// an arithmetic check must see it; false: that the bytes differ is enough
  bool numeric = true;
  /// where it leaves the bytes as they are, the mutant does not apply
  WeightChange change;
};

/// The mutants that the fused program gives rise to. `routes`: the experts that the run chose, so that those
/// which are swapped take part.
std::vector<Mutant> mutants_of(const BoundProgram& fused, const ModuleWeights& weights, const Routes& routes);

}  // namespace tenon
