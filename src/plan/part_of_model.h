// A part of a model that is taken out of the whole, or put into it: which tensors the rules do not see, and
// whether what they make fits the whole.
#pragma once

#include <vector>

#include "base/diagnostics.h"
#include "plan/conversion.h"
#include "plan/plan.h"

namespace tenon {

/// By tensor of the source: is it none of the part's? Where rules are about no part, none is.
std::vector<bool> outside_of_part(const Checkpoint& checkpoint, const RuleSet& rules, Layout to);

/// The source has to be what the rules take it for: the whole, of which something stays behind, or a part
/// beside the rest of the whole.
void check_part(const Checkpoint& checkpoint, const RuleSet& rules, const std::vector<bool>& outside,
                Layout to, Diagnostics& diagnostics);

/// What becomes of the tensors outside of the part: they stay in the whole, or come from it as they are.
void tell_fates_outside(const Checkpoint& checkpoint, const RuleSet& rules, const std::vector<bool>& outside,
                        Plan& plan);

/// Puts a part's outputs beside the rest of the whole: each has to take the place of one that the whole has.
void add_rest_of_whole(const Checkpoint& checkpoint, const RuleSet& rules, Conversion& conversion, Plan& plan,
                       Diagnostics& diagnostics);

}  // namespace tenon
