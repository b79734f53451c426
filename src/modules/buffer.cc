#include "modules/buffer.h"

#include <sys/mman.h>

#include <bit>
#include <map>
#include <mutex>

namespace tenon {
namespace {

constexpr std::size_t kSmall = std::size_t{1} << 20;     // below, malloc does as well
constexpr std::size_t kHugePage = std::size_t{2} << 20;  // blocks of this size and more ask for huge pages

// Sizes are rounded up to eight steps between powers of two, so that blocks of nearly one size serve each
// other.
std::size_t rounded(std::size_t bytes) {
  const std::size_t step = std::bit_floor(bytes) / 8;
  return (bytes + step - 1) / step * step;
}

class Blocks {
 public:
  void* take(std::size_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = free_.find(bytes); found != free_.end()) {
        void* const block = found->second;
        free_.erase(found);
        return block;
      }
    }
    void* block = map(bytes);
    if (block == nullptr) {
      release();
      block = map(bytes);
    }
    if (block == nullptr) throw std::bad_alloc();
    return block;
  }

  void give(void* block, std::size_t bytes) noexcept {
    const std::lock_guard lock(mutex_);
    try {
      free_.emplace(bytes, block);
    } catch (const std::bad_alloc&) {
      ::munmap(block, bytes);
    }
  }

 private:
  static void* map(std::size_t bytes) {
    void* const block = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) return nullptr;
    if (bytes >= kHugePage) ::madvise(block, bytes, MADV_HUGEPAGE);
    return block;
  }

  void release() {
    const std::lock_guard lock(mutex_);
    for (const auto& [bytes, block] : free_) ::munmap(block, bytes);
    free_.clear();
  }

  std::mutex mutex_;
  std::multimap<std::size_t, void*> free_;
};

// Never destroyed: threads may give blocks back after main() has ended.
Blocks& blocks() {
  static Blocks* const all = new Blocks;
  return *all;
}

}  // namespace

void* take_block(std::size_t bytes) {
  if (bytes < kSmall) return ::operator new(bytes);
  return blocks().take(rounded(bytes));
}

void give_block(void* block, std::size_t bytes) noexcept {
  if (bytes < kSmall) return ::operator delete(block);
  blocks().give(block, rounded(bytes));
}

}  // namespace tenon
