// The innermost loops: strided copies between two blocks of memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tenon {

/// One loop of a strided copy, in bytes.
struct ByteLoop {
  std::uint64_t extent = 1;
  std::uint64_t source_stride = 0;
  std::uint64_t target_stride = 0;
  bool operator==(const ByteLoop&) const = default;
};

/// `run` adjacent bytes for each step of the loops; offsets are in bytes from the beginning of either tensor.
struct Box {
  std::uint64_t source_offset = 0;
  std::uint64_t target_offset = 0;
  std::uint64_t run = 0;
  /// by falling target stride; none: one run
  std::vector<ByteLoop> loops;
};

/// Copies a box; `source` and `target` are where its first bytes are, its offsets do not count. Allocates
/// nothing and makes no object that needs destruction, so that a signal handler may jump out of it.
void copy_box(const Box& box, const std::byte* source, std::byte* target);

}  // namespace tenon
