// Which modules of a checkpoint a program is about, and which tensors are their weights on either side.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "modules/program.h"
#include "plan/plan.h"

namespace tenon {

/// Tensors by weight name below the module, one of a single weight, one an index of a list.
using WeightTensors = std::map<std::string, std::vector<std::uint32_t>>;

struct Instance {
  /// of the module in the fused layout
  std::string path;
  /// indices into Checkpoint::tensors
  WeightTensors original;
  /// indices into Plan::outputs
  WeightTensors fused;
  // Other outputs below the path, which the program never reads.
  std::vector<std::uint32_t> unread = {};
};

/// A module that the program's glob matches and that holds its fused weights, but cannot be run.
struct SkippedInstance {
  std::string path;
  std::string reason;
};

struct Instances {
  /// in natural order of their paths
  std::vector<Instance> found;
  std::vector<SkippedInstance> skipped;
};

/// A module is an instance when the plan makes all of its fused weights. Its original weights are the tensors
/// that those are made of, by the end of their keys; else those below the same path.
Instances find_instances(const ModuleProgram& module, const Checkpoint& checkpoint, const Plan& plan);

/// Is a fused weight of the module more than a source tensor under a new name?
bool moves_elements(const Instance& instance, const Checkpoint& checkpoint, const Plan& plan);

/// Is an output more than a source tensor under a new name?
bool moves_elements(std::uint32_t output, const Checkpoint& checkpoint, const Plan& plan);

/// Binds both programs to the shapes of the module's weights, as a check of it will. Throws UserError where
/// they do not fit, or where parity cannot run on a weight's dtype.
void check_fit(const ModuleProgram& module, const Instance& instance, const Checkpoint& checkpoint,
               const Plan& plan, std::int64_t tokens);

}  // namespace tenon
