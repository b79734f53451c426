// oneTBB's parallel_for, in terms that a thread sanitizer understands.
#pragma once

#include <oneapi/tbb/parallel_for.h>

#include <atomic>
#include <cstddef>

namespace tenon {

/// Calls step(i) for each i below `count` on the threads of the present arena; `partitioner` is oneTBB's, or
/// absent. What comes before the loop happens before the steps, and these before what comes behind it. oneTBB
/// sees to that already, but inside a library that is not built with the sanitizer; the two atomics say it
/// again. They order no step after another, so that a race between two steps still shows.
template <typename Step, typename... Partitioner>
void parallel_loop(std::size_t count, const Step& step, const Partitioner&... partitioner) {
  std::atomic<bool> begun = false;
  std::atomic<std::size_t> done = 0;
  begun.store(true, std::memory_order_release);
  oneapi::tbb::parallel_for(
      std::size_t{0}, count, std::size_t{1},
      [&](std::size_t i) {
        (void)begun.load(std::memory_order_acquire);
        step(i);
        done.fetch_add(1, std::memory_order_release);
      },
      partitioner...);
  (void)done.load(std::memory_order_acquire);
}

}  // namespace tenon
