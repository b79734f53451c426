// What every parallel loop of the engine shares: a bounded number of threads, errors in a fixed order, a stop
// flag and progress.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>

#include "engine/engine.h"

namespace tenon {

/// The threads to use: as asked for, or as many as the machine has.
int thread_count(const EngineOptions& options);

class Workers {
 public:
  explicit Workers(const EngineOptions& options) : options_(options) {}

  /// Runs `work` once per thread, at the same time, in an arena of that many threads.
  void run(const std::function<void()>& work);

  /// Calls, for each of `count` indices once, a step that `make_step` makes for each thread. A failure of
  /// step i has order i.
  void for_each(std::size_t count, const std::function<std::function<void(std::size_t)>()>& make_step);

  /// Runs `step`; what it throws is kept under its `order`, and all work stops.
  void attempt(std::uint64_t order, const std::function<void()>& step);

  /// Should work stop, because something failed or the user said so?
  bool stopping() const { return failed_ || stopped_by_user(); }

  /// Throws Interrupted where the user said so; called within attempt(), between two chunks.
  void throw_if_stopped() const;

  /// Counts bytes and calls the user's progress at most every 50 ms.
  void advance(std::uint64_t bytes);

  /// Throws the failure with the lowest order, else Interrupted where the user stopped; else reports the
  /// final progress.
  void finish();

  std::uint64_t bytes_done() const { return done_; }

 private:
  bool stopped_by_user() const {
    return options_.stop != nullptr && options_.stop->load(std::memory_order_relaxed);
  }

  const EngineOptions& options_;
  std::atomic<bool> failed_ = false;
  std::mutex failing_;
  std::map<std::uint64_t, std::exception_ptr> failures_;
  std::atomic<std::uint64_t> done_ = 0;
  std::mutex reporting_;
  std::chrono::steady_clock::time_point reported_{};
};

}  // namespace tenon
