// One tensor as a header describes it.
#pragma once

#include <cstdint>
#include <string>

#include "tensor/dtype.h"

namespace tenon {

struct Tensor {
  std::string key;
  DType dtype = DType::kF32;
  Shape shape;
  /// index into Checkpoint::shards
  std::uint32_t shard = 0;
  /// of its first byte, from the start of the shard file
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

}  // namespace tenon
