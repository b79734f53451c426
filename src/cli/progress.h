// The progress bar of a long run: bytes, rate and time left, on a terminal only.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "cli/console.h"

namespace tenon {

/// "converting  [####------]  40%  4.00 of 10.00 GB  2.00 GB/s  0:03 left", at most `width` columns wide: the
/// bar shrinks, then disappears. A rate of 0 means that it is not known yet.
std::string progress_line(std::string_view label, std::uint64_t done, std::uint64_t total,
                          double bytes_per_second, int width);

class ProgressBar {
 public:
  ProgressBar(const Console& console, std::string label, std::uint64_t total);
  ~ProgressBar() { clear(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// Draws at most ten times a second. Called from any thread, never concurrently.
  void update(std::uint64_t done);

  /// Takes the bar off the terminal, so that something else can be said there.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  struct Sample {
    Clock::time_point time;
    std::uint64_t done;
  };

  double recent_rate() const;

  /// nullptr: draws nothing
  std::FILE* terminal_;
  std::string label_;
  std::uint64_t total_;
  /// of the last seconds: the rate that it goes at now
  std::deque<Sample> samples_;
};

}  // namespace tenon
