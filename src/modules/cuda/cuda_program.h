// A bound program on the GPU: its values in device memory, its steps by the module's kernels.
#pragma once

#include <string>
#include <vector>

#include "modules/cuda/cuda_numbers.h"
#include "modules/cuda/rotation_tables.h"
#include "modules/program.h"

namespace tenon {

class CudaProgram {
 public:
  /// `values` has the weights and inputs by slot; the steps' results are made here, of `dtype` (indices:
  /// I32).
  CudaProgram(const CudaModule& module, DeviceMemory& memory, RotationTables& tables,
              const BoundProgram& program, std::vector<DeviceTensor> values, const NumberFormat& format);

  /// Queues every step. A fused step without a kernel of its own runs as the steps that it stands for; one of
  /// these without a kernel runs on the host, between a download and an upload.
  void run(int mode);

  const tenon_tensor& value(int slot) const { return values_[static_cast<std::size_t>(slot)].tensor; }

 private:
  void join_gate_and_up(const BoundStep& step);
  void run_on_host(const BoundStep& step, int mode);

  const CudaModule& module_;
  DeviceMemory& memory_;
  RotationTables& tables_;
  const BoundProgram& program_;
  std::vector<DeviceTensor> values_;
  NumberFormat format_;
};

/// Does this slot hold integers: experts' indices, or an embedding's ids?
bool holds_integers(const BoundProgram& program, int slot);

}  // namespace tenon
