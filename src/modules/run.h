// What a run of a bound program is asked for and what it gives: shared by backends and checks.
#pragma once

#include <vector>

#include "modules/array.h"

namespace tenon {

/// How the sums over K are taken: as the library likes, or each in rising k whatever the tiling.
enum class Order { kLibrary, kFixed };

/// The experts chosen, by routing step in the program's order: [tokens * k] indices.
using Routes = std::vector<std::vector<int>>;

/// The exact results and the bounds of |computed - exact|, by slot.
struct Reference {
  std::vector<Array<double>> values;
  std::vector<Array<double>> bounds;
  /// The forced routes are among those that rounding could choose.
  bool admissible = true;
};

/// The results of a run that is to be judged, by slot, and the experts that it chose.
struct Computed {
  std::vector<Array<float>> values;
  Routes routes;
};

}  // namespace tenon
