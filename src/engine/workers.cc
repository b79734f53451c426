#include "engine/workers.h"

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>

#include "engine/parallel_loop.h"

namespace tenon {

namespace tbb = oneapi::tbb;

int thread_count(const EngineOptions& options) {
  return options.threads > 0 ? options.threads : std::max(1, tbb::info::default_concurrency());
}

void Workers::run(const std::function<void()>& work) {
  const int threads = thread_count(options_);
  const auto allowed =
      std::max(static_cast<std::size_t>(threads),
               tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism));
  const tbb::global_control allow(tbb::global_control::max_allowed_parallelism, allowed);
  tbb::task_arena arena(threads);
  arena.execute([&] {
    parallel_loop(
        static_cast<std::size_t>(threads), [&](std::size_t) { work(); }, tbb::static_partitioner());
  });
}

void Workers::for_each(std::size_t count,
                       const std::function<std::function<void(std::size_t)>()>& make_step) {
  std::atomic<std::size_t> next = 0;
  run([&] {
    const auto step = make_step();
    for (std::size_t i = next++; i < count && !stopped(); i = next++) {
      attempt(i, [&] { step(i); });
    }
  });
  finish();
}

void Workers::attempt(std::uint64_t order, const std::function<void()>& step) {
  try {
    step();
  } catch (const Interrupted&) {  // the user, or a failure elsewhere that is kept already
    stopped_ = true;
  } catch (...) {
    stopped_ = true;
    const std::lock_guard lock(failing_);
    failures_.emplace(order, std::current_exception());
  }
}

bool Workers::stopped() const {
  if (!stopped_ && observer_.stopped()) stopped_ = true;
  return stopped_;
}

void Workers::advance(std::uint64_t bytes) {
  done_ += bytes;
  const std::unique_lock lock(reporting_, std::try_to_lock);
  const auto now = std::chrono::steady_clock::now();
  if (!lock || now - reported_ < std::chrono::milliseconds(50)) return;
  reported_ = now;
  observer_.progress(options_.stage, done_, total_);
}

void Workers::finish() {
  if (!failures_.empty()) std::rethrow_exception(failures_.begin()->second);
  throw_if_stopped();
  observer_.progress(options_.stage, total_, total_);
}

}  // namespace tenon
