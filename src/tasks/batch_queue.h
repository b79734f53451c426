// Runs what waits for nothing, some at a time, in order; then what waited for it.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

namespace tenon {

class BatchQueue {
 public:
  /// For each item the items that it waits for; none waits for itself, over others or not.
  explicit BatchQueue(std::vector<std::vector<std::size_t>> needs);

  /// It has ended before the run. `good`: what waits for it may begin.
  void end(std::size_t item, bool good);

  /// Runs `item -> good` on all others, `at_once` of them at a time, each on a thread of its own; the first
  /// that could begin is begun first. An item that waits for one that is not good is not run. What an item
  /// throws comes out when those that run have ended.
  void run(std::size_t at_once, const std::function<bool(std::size_t item)>& item);

  /// The item that this one waited for and that is not good, if any.
  std::optional<std::size_t> waited_in_vain(std::size_t item) const;

 private:
  enum class State { kWaiting, kRunning, kGood, kBad, kVain };

  // With the lock held.
  std::optional<std::size_t> next();
  void work(const std::function<bool(std::size_t)>& item);

  const std::vector<std::vector<std::size_t>> needs_;
  std::vector<State> states_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::exception_ptr failure_;
};

}  // namespace tenon
