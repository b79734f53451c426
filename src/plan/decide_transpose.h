// Transpose(check_dims): whether a tensor is in the other orientation than the fused layout wants.
#pragma once

#include "plan/apply_operation.h"

namespace tenon {

/// Does the operation swap a tensor of this shape? What the user declares, else what the way there recorded,
/// else the rule's `target_shape` decides; the decision is recorded. Throws OperationError where both
/// orientations fit, or neither.
bool decide_transpose(const Transpose& transpose, const Shape& shape, const OperationContext& context);

}  // namespace tenon
