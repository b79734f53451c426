// The digests of tensors' hash blocks, filled in by many threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/hash.h"
#include "engine/transfer.h"

namespace tenon {

class BlockDigests {
 public:
  explicit BlockDigests(const std::vector<Region>& tensors);

  /// True for the first caller: that one hashes the block.
  bool claim(std::uint32_t tensor, std::uint64_t block);
  void set(std::uint32_t tensor, std::uint64_t block, const Digest& digest);

  /// Are all the tensor's blocks hashed?
  bool complete(std::uint32_t tensor) const { return left_[tensor].load() == 0; }
  std::string hash(std::uint32_t tensor) const;

 private:
  /// of each tensor, and the total
  std::vector<std::uint64_t> first_;
  std::vector<Digest> digests_;
  std::vector<std::atomic<bool>> claimed_;
  /// blocks per tensor
  std::vector<std::atomic<std::uint64_t>> left_;
};

}  // namespace tenon
