// What of a module's check needs no arithmetic: its tensors read on both sides, hashed, and the first check.
// This part runs ahead of the arithmetic, on other threads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "modules/module_weights.h"
#include "modules/program.h"
#include "parity/instances.h"
#include "parity/result.h"

namespace tenon {

struct ModuleRequest {
  const ModuleProgram& program;
  const Instance& instance;
  const Checkpoint& original;
  const Plan& plan;
  /// nullptr: the plan makes the fused weights
  const Checkpoint* fused;
  const ParityOptions& options;
};

struct PreparedModule {
  /// what it is, its hashes, check 1
  ModuleResult result;
  ModuleWeights original;
  ModuleWeights fused;
};

/// Throws UserError, SystemError.
PreparedModule prepare_module(const ModuleRequest& request);

/// Of a fused tensor that no program reads. Throws UserError where `fused` lacks it, SystemError.
UnreadWeight check_by_bytes(std::uint32_t output, const Checkpoint& original, const Plan& plan,
                            const Checkpoint* fused);

/// The bytes that it will hold in memory, about.
std::uint64_t bytes_of(const ModuleRequest& request);

}  // namespace tenon
