#include "tasks/batch_queue.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace tenon {

BatchQueue::BatchQueue(std::vector<std::vector<std::size_t>> needs)
    : needs_(std::move(needs)), states_(needs_.size(), State::kWaiting) {}

void BatchQueue::end(std::size_t item, bool good) {
  states_[item] = good ? State::kGood : State::kBad;
}

std::optional<std::size_t> BatchQueue::waited_in_vain(std::size_t item) const {
  for (const std::size_t need : needs_[item]) {
    if (states_[need] == State::kBad || states_[need] == State::kVain) return need;
  }
  return std::nullopt;
}

std::optional<std::size_t> BatchQueue::next() {
  for (bool found = true; found;) {
    found = false;
    for (std::size_t i = 0; i < states_.size(); ++i) {
      if (states_[i] != State::kWaiting) continue;
      if (waited_in_vain(i)) {
        states_[i] = State::kVain;
        found = true;  // others may have waited for it
      } else if (std::all_of(needs_[i].begin(), needs_[i].end(),
                             [&](std::size_t need) { return states_[need] == State::kGood; })) {
        return i;
      }
    }
  }
  return std::nullopt;
}

void BatchQueue::work(const std::function<bool(std::size_t)>& item) {
  std::unique_lock lock(mutex_);
  while (!failure_) {
    const auto chosen = next();
    if (!chosen) {
      const bool more = std::count(states_.begin(), states_.end(), State::kRunning) > 0;
      if (!more) return;
      changed_.wait(lock);
      continue;
    }
    states_[*chosen] = State::kRunning;
    lock.unlock();
    bool good = false;
    std::exception_ptr thrown;
    try {
      good = item(*chosen);
    } catch (...) {
      thrown = std::current_exception();
    }
    lock.lock();
    states_[*chosen] = good ? State::kGood : State::kBad;
    if (thrown && !failure_) failure_ = thrown;
    changed_.notify_all();
  }
}

void BatchQueue::run(std::size_t at_once, const std::function<bool(std::size_t)>& item) {
  if (at_once <= 1) {
    work(item);
  } else {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < std::min(at_once, states_.size()); ++i)
      threads.emplace_back([&] { work(item); });
  }
  if (failure_) std::rethrow_exception(failure_);
}

}  // namespace tenon
