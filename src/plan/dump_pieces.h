// Lines of a plan's stable dump: what is computed, and what is taken for granted.
#pragma once

#include <string>

#include "checkpoint/checkpoint.h"
#include "plan/plan.h"

namespace tenon {

/// "  recipe 1 a.weight @0 a.weight_scale_inv @0 -> +0 128x(8,0,1)": bits of each operand and elements of the
/// output, then each loop's extent with their strides.
std::string computed_text(const Piece& piece, const Checkpoint& source);

/// A line for each of its pieces, or one.
std::string condition_text(const Condition& condition, const Checkpoint& source);

}  // namespace tenon
