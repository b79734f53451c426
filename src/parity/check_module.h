// The checks of one module that compute: bitwise, bounded, no worse, power.
#pragma once

#include "modules/backend.h"
#include "parity/prepare_module.h"
#include "parity/result.h"

namespace tenon {

/// Throws UserError where the program does not fit the module, SystemError.
ModuleResult check_module(const ModuleRequest& request, PreparedModule prepared, Backend& backend);

}  // namespace tenon
