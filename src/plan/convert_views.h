// A rule list applied to a whole checkpoint: keys mapped, inputs collected by the converters, their
// operations composed into views.
#pragma once

#include <string>
#include <vector>

#include "base/diagnostics.h"
#include "plan/apply_operation.h"
#include "plan/map_keys.h"
#include "plan/view.h"

namespace tenon {

/// A key and what it holds, in terms of the source checkpoint's tensors.
struct NamedView {
  std::string key;
  View view;
  int transform = -1;                 // the converter that made it
  std::vector<std::uint32_t> inputs;  // indices of the inputs it was made of
};

struct Conversion {
  std::vector<NamedView> outputs;   // in natural order of their keys
  std::vector<bool> used;           // by transform
  std::vector<int> converter_of;    // by input: the converter that took it, -1
  std::vector<std::string> key_of;  // by input: its new key (the first output's, for a converter's input)
  Facts found;
  std::vector<std::string> notes;
};

struct ConversionRequest {
  const std::vector<Transform>& transforms;  // in the direction's order
  bool to_fused = true;
  const FusedKeys& fused_keys;
  const Facts& known;  // of a conversion the other way
  const std::vector<LayoutAssumption>& assumptions;
  std::vector<std::int64_t>
      expert_counts;  // lengths that the config allows for a list of experts; empty: any
};

/// Converts `inputs` (in natural order of their keys). Everything that would lose, merge or guess goes to
/// `diagnostics`: colliding keys, gaps in lists, missing partners, shapes that do not fit.
Conversion convert_views(const std::vector<NamedView>& inputs, const ConversionRequest& request,
                         Diagnostics& diagnostics);

}  // namespace tenon
