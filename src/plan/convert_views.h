// A rule list applied to a whole checkpoint: keys mapped, inputs collected by the converters, their
// operations composed into views.
#pragma once

#include <vector>

#include "base/diagnostics.h"
#include "plan/conversion.h"

namespace tenon {

/// Converts `inputs` (in natural order of their keys). Everything that would lose, merge or guess goes to
/// `diagnostics`: colliding keys, gaps in lists, missing partners, shapes that do not fit.
Conversion convert_views(const std::vector<NamedView>& inputs, const ConversionRequest& request,
                         Diagnostics& diagnostics);

}  // namespace tenon
