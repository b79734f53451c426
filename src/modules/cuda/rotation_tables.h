// The rotation tables of RoPE in device memory.
#pragma once

#include <map>
#include <string>

#include "modules/cuda/cuda_memory.h"
#include "modules/rotation.h"

namespace tenon {

class RotationTables {
 public:
  struct Table {
    DeviceTensor cos, sin;
  };
  explicit RotationTables(DeviceMemory& memory) : memory_(memory) {}
  /// FP32, [tokens, rotary / 2]; made once for each rotation.
  const Table& table(std::int64_t tokens, const Rotation& rotation);

 private:
  DeviceMemory& memory_;
  std::map<std::pair<std::int64_t, std::vector<double>>, Table> tables_;
};

}  // namespace tenon
