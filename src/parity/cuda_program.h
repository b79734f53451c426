// A bound program on the GPU: its values in device memory, its steps by the module's kernels.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "parity/cuda_numbers.h"
#include "parity/program.h"

namespace tenon {

/// The rotation tables of RoPE on the GPU, kept by tokens, channels and theta.
class RotationTables {
 public:
  struct Table {
    DeviceTensor cos, sin;
  };
  explicit RotationTables(DeviceMemory& memory) : memory_(memory) {}
  const Table& table(std::int64_t tokens, std::int64_t rotary, double theta);

 private:
  DeviceMemory& memory_;
  std::map<std::tuple<std::int64_t, std::int64_t, double>, Table> tables_;
};

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
