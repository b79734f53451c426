// Where the bytes of a tensor stand.
#pragma once

#include <cstdint>

namespace tenon {

/// A run of bytes in one of the files of a checkpoint.
struct Region {
  std::uint32_t file = 0;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

}  // namespace tenon
