// What the options of parity ask for.
#pragma once

#include "options/options.h"
#include "tasks/parity.h"

namespace tenon {

/// ORIGINAL and FUSED are `given.source` and `given.other`. Throws UserError where `layers` names none or
/// `inputs` cannot be read.
ParityRequest parity_request(const Options& given);

}  // namespace tenon
