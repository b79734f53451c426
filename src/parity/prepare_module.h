// What of a module's check needs no arithmetic: its tensors read on both sides, hashed, and the first check.
// This part runs ahead of the arithmetic, on other threads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "parity/instances.h"
#include "parity/module_weights.h"
#include "parity/parity.h"
#include "parity/program.h"

namespace tenon {

struct ModuleRequest {
  const ModuleProgram& program;
  const Instance& instance;
  const Checkpoint& original;
  const Plan& plan;
  const Checkpoint* fused;  // nullptr: the plan makes the fused weights
  const ParityOptions& options;
};

struct PreparedModule {
  ModuleResult result;  // what it is, its hashes, check 1
  ModuleWeights original;
  ModuleWeights fused;
};

/// Throws UserError, SystemError.
PreparedModule prepare_module(const ModuleRequest& request);

/// The bytes that it will hold in memory, about.
std::uint64_t bytes_of(const ModuleRequest& request);

}  // namespace tenon
