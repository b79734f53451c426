#include "engine/block_digests.h"

#include <span>

namespace tenon {

BlockDigests::BlockDigests(const std::vector<Region>& tensors) : left_(tensors.size()) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    first_.push_back(total);
    left_[i] = hash_blocks(tensors[i].bytes);
    total += left_[i];
  }
  first_.push_back(total);
  digests_.resize(total);
  claimed_ = std::vector<std::atomic<bool>>(total);
}

bool BlockDigests::claim(std::uint32_t tensor, std::uint64_t block) {
  return !claimed_[first_[tensor] + block].exchange(true);
}

void BlockDigests::set(std::uint32_t tensor, std::uint64_t block, const Digest& digest) {
  digests_[first_[tensor] + block] = digest;
  --left_[tensor];
}

std::string BlockDigests::hash(std::uint32_t tensor) const {
  return tensor_hash(std::span(digests_).subspan(first_[tensor], first_[tensor + 1] - first_[tensor]));
}

}  // namespace tenon
