// What is computed into an output's bytes on their way: after they are gathered, before they are hashed and
// written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tenon {

class ChunkEdit {
 public:
  ChunkEdit() = default;
  virtual ~ChunkEdit() = default;
  ChunkEdit(const ChunkEdit&) = delete;
  ChunkEdit& operator=(const ChunkEdit&) = delete;

  virtual bool edits(std::uint32_t output) const = 0;

  /// Bytes of the output from `begin` on, whole elements. Called from any thread, in any order; the result
  /// may depend on nothing but the bytes and their place.
  virtual void edit(std::uint32_t output, std::uint64_t begin, std::span<std::byte> bytes) const = 0;
};

}  // namespace tenon
