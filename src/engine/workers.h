// What every parallel loop of the engine shares: a bounded number of threads, errors in a fixed order, one
// way of stopping, and progress.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>

#include "base/observer.h"
#include "engine/engine.h"

namespace tenon {

/// The threads to use: as asked for, or as many as the machine has.
int thread_count(const EngineOptions& options);

/// The threads of one loop. To what a step calls it is an observer too, so that a failure on one thread stops
/// the others as a word of the user's does.
class Workers : private Observer {
 public:
  /// `total` is what advance() will count up to, for `observer`, which outlives this.
  Workers(const EngineOptions& options, std::uint64_t total, Observer& observer)
      : options_(options), total_(total), observer_(observer) {}

  /// Runs `work` once per thread, at the same time, in an arena of that many threads.
  void run(const std::function<void()>& work);

  /// Calls, for each of `count` indices once, a step that `make_step` makes for each thread. A failure of
  /// step i has order i.
  void for_each(std::size_t count, const std::function<std::function<void(std::size_t)>()>& make_step);

  /// Runs `step`; what it throws is kept under its `order`, and all work stops.
  void attempt(std::uint64_t order, const std::function<void()>& step);

  /// Should work stop, because something failed or the user said so? Once so, always so.
  bool stopped() const override;

  /// What a step asks between two chunks, and hands to what it calls: stopped() throws there.
  const Observer& watch() const { return *this; }

  /// Counts bytes and tells the observer at most every 50 ms.
  void advance(std::uint64_t bytes);

  /// Throws the failure with the lowest order, else Interrupted where the user stopped; else tells that all
  /// is done.
  void finish();

  std::uint64_t bytes_done() const { return done_; }

 private:
  const EngineOptions& options_;
  const std::uint64_t total_;
  Observer& observer_;
  mutable std::atomic<bool> stopped_ = false;
  std::mutex failing_;
  std::map<std::uint64_t, std::exception_ptr> failures_;
  std::atomic<std::uint64_t> done_ = 0;
  std::mutex reporting_;
  std::chrono::steady_clock::time_point reported_{};
};

}  // namespace tenon
