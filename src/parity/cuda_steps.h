// A step of a program as a call of the CUDA module: operands from their slots, attributes as arguments.
#pragma once

#include "parity/cuda_program.h"

namespace tenon {

/// What a step sees of the program that it is in.
struct StepPlace {
  const CudaModule& module;
  RotationTables& tables;
  const BoundProgram& program;
  const std::vector<DeviceTensor>& values;  // by slot
};

/// Queues the step; false where the module has no kernel for it.
bool run_on_gpu(const StepPlace& place, const BoundStep& step, int mode);

}  // namespace tenon
