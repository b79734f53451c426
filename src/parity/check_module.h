// The five checks of one module.
#pragma once

#include "parity/instances.h"
#include "parity/parity.h"
#include "parity/program.h"
#include "parity/weights.h"

namespace tenon {

struct ModuleRequest {
  const ModuleProgram& program;
  const Instance& instance;
  const Checkpoint& original;
  const Plan& plan;
  const Checkpoint* fused;  // nullptr: the plan makes the fused weights
  const ParityOptions& options;
};

/// Throws UserError where the program does not fit the module, SystemError.
ModuleResult check_module(const ModuleRequest& request);

}  // namespace tenon
