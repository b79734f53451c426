// How long each step of a task took.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace tenon {

struct StepTime {
  std::string step;
  double seconds = 0;
};

/// In the order in which steps ended.
using Timings = std::vector<StepTime>;

/// Adds the time from its making to its end, also where a step fails.
class Timer {
 public:
  Timer(Timings& timings, std::string step) : timings_(timings), step_(std::move(step)) {}
  ~Timer() { timings_.push_back({std::move(step_), seconds()}); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count();
  }

 private:
  Timings& timings_;
  std::string step_;
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

}  // namespace tenon
