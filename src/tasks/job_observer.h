// What a job of a batch says while others run beside it.
#pragma once

#include <mutex>
#include <string>

#include "base/observer.h"

namespace tenon {

/// Hands on what one job says, one at a time with others that share the `mutex`, and writes every message
/// with its time to the end of a log.
class JobObserver : public Observer {
 public:
  /// `log`: a file, "" for none. `alone`: no other job runs meanwhile, so that progress can be shown.
  JobObserver(Observer& outer, std::mutex& mutex, std::string log, bool alone)
      : outer_(outer), mutex_(mutex), log_(std::move(log)), alone_(alone) {}

  using Observer::note;
  void note(const Diagnostic& diagnostic) override;
  void progress(std::string_view stage, std::uint64_t done, std::uint64_t total) override;
  bool stopped() const override { return outer_.stopped(); }

  /// A line for the log alone.
  void write_log(const std::string& text) const;

 private:
  Observer& outer_;
  std::mutex& mutex_;
  std::string log_;
  bool alone_;
};

}  // namespace tenon
