// Planted faults: each changes the fused weights in a way that a wrong rule or a wrong kernel would. A parity
// run that does not reject them proves nothing.
#pragma once

#include <string>
#include <vector>

#include "parity/cpu_operations.h"
#include "parity/module_weights.h"
#include "parity/program.h"
#include "parity/weight_edit.h"

namespace tenon {

struct Mutant {
  std::string name;
  std::string weight;   // what it changes
  bool numeric = true;  // an arithmetic check must see it; false: that the bytes differ is enough
  WeightChange change;  // where it leaves the bytes as they are, the mutant does not apply
};

/// The mutants that the fused program gives rise to. `routes`: the experts that the run chose, so that those
/// which are swapped take part.
std::vector<Mutant> mutants_of(const BoundProgram& fused, const ModuleWeights& weights, const Routes& routes);

}  // namespace tenon
