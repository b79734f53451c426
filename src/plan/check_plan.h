// The proof of a plan, from headers alone.
#pragma once

#include <string>
#include <vector>

#include "base/diagnostics.h"
#include "plan/convert_views.h"

namespace tenon {

/// What the way back needs beside the rules, and what it does not give.
struct CheckedWayBack {
  /// for the manifest: what the inverse would call otherwise
  RememberedNames names;
  /// inputs that keep the name that a forward-only renaming gives
  std::vector<std::uint32_t> forward_only;
};

/// Runs the inverse of what was used, which is what the next run will apply, on the planned outputs and
/// compares with the inputs: each key must come back, with its dtype and shape, and every element at its
/// place. `dropped` inputs need not. A name that the inverse does not give is remembered, unless rules of the
/// user's own lose it: that is an error.
CheckedWayBack check_way_back(const std::vector<NamedView>& inputs, const std::vector<bool>& dropped,
                              const Conversion& conversion, const ConversionRequest& request,
                              Diagnostics& diagnostics);

}  // namespace tenon
