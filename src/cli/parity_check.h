// `tenon parity --check`.
#pragma once

#include "cli/command.h"
#include "cli/console.h"
#include "tasks/parity_check.h"

namespace tenon {

/// Throws UserError, SystemError.
Verdict show_parity_check(const ParityCheckRequest& request, bool json, Console& console);

}  // namespace tenon
