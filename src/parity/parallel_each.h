// A parallel loop whose failure does not depend on which thread was faster.
#pragma once

#include <tbb/parallel_for.h>

#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>

namespace tenon {

/// Calls use(i) for each i below `count` on all threads. Of those that throw, the exception of the lowest i
/// comes out; those above it may not be called.
template <typename Use>
void parallel_each(std::size_t count, const Use& use) {
  /// the lowest so far
  std::atomic<std::size_t> failed = count;
  std::exception_ptr failure;
  std::mutex mutex;
  tbb::parallel_for(std::size_t{0}, count, [&](std::size_t i) {
    if (i > failed) return;
    try {
      use(i);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (i > failed) return;
      failed = i;
      failure = std::current_exception();
    }
  });
  if (failure) std::rethrow_exception(failure);
}

}  // namespace tenon
