// Memory for tensors that come and go module after module: it is not zeroed, and blocks that are given back
// are handed out again, since the first touch of fresh memory costs more than filling it.
#pragma once

#include <cstddef>
#include <new>
#include <utility>
#include <vector>

namespace tenon {

/// At least `bytes` bytes, aligned to a cache line. Throws std::bad_alloc. Any thread.
void* take_block(std::size_t bytes);
/// `bytes` as they were asked for.
void give_block(void* block, std::size_t bytes) noexcept;

template <typename T>
struct BlockAllocator {
  using value_type = T;
  BlockAllocator() = default;
  template <typename U>
  BlockAllocator(const BlockAllocator<U>&) noexcept {}

  T* allocate(std::size_t n) { return static_cast<T*>(take_block(n * sizeof(T))); }
  void deallocate(T* data, std::size_t n) noexcept { give_block(data, n * sizeof(T)); }
  /// vector(n) leaves its elements as they are.
  template <typename U>
  void construct(U* at) noexcept {
    ::new (static_cast<void*>(at)) U;
  }
  template <typename U, typename... Args>
  void construct(U* at, Args&&... args) {
    ::new (static_cast<void*>(at)) U(std::forward<Args>(args)...);
  }
  bool operator==(const BlockAllocator&) const noexcept { return true; }
};

using Bytes = std::vector<std::byte, BlockAllocator<std::byte>>;

}  // namespace tenon
