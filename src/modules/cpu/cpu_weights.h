// The CPU backend's weights: tensors as they are on the disk, widened to FP32 and rounded to the format at
// every reading. A mutant's weight is another one, read through the edit; nothing is copied for it.
#pragma once

#include <memory>

#include "modules/module_weights.h"
#include "modules/number_format.h"
#include "modules/weight.h"
#include "modules/weight_edit.h"

namespace tenon {

using SharedWeight = std::shared_ptr<const Weight>;

/// Throws UserError where the dtype is none that decode() reads.
SharedWeight stored_weight(const ModuleTensor& tensor, const NumberFormat& format);

/// Any edit but kTake, which is another weight as it stands.
SharedWeight edited_weight(SharedWeight before, const WeightEdit& edit, const NumberFormat& format);

}  // namespace tenon
