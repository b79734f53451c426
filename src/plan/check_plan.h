// The proof of a plan, from headers alone.
#pragma once

#include <string>
#include <vector>

#include "base/diagnostics.h"
#include "plan/convert_views.h"

namespace tenon {

/// Runs the inverse of what was used on the planned outputs and compares with the inputs: each key must come
/// back, with its dtype and shape, and every element at its place. `dropped` inputs need not. Keys that a
/// forward-only transform touched come back under their new name: a note.
void check_way_back(const std::vector<NamedView>& inputs, const std::vector<bool>& dropped,
                    const Conversion& conversion, const ConversionRequest& request, Diagnostics& diagnostics);

}  // namespace tenon
