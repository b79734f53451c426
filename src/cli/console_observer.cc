#include "cli/console_observer.h"

#include "cli/interrupt.h"

namespace tenon {

void ConsoleObserver::note(const Diagnostic& diagnostic) {
  bar_.reset();
  console_.report(diagnostic);
}

void ConsoleObserver::progress(std::string_view stage, std::uint64_t done, std::uint64_t total) {
  if (done >= total) return bar_.reset();
  if (!bar_ || stage != stage_) {
    stage_ = stage;
    bar_.reset();
    bar_.emplace(console_, stage_, total);
  }
  bar_->update(done);
}

bool ConsoleObserver::stopped() const {
  return stop_requested();
}

}  // namespace tenon
