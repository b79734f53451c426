// What a task says while it runs, on the console: notes as lines, progress as a bar on a terminal.
#pragma once

#include <optional>
#include <string>

#include "base/observer.h"
#include "cli/console.h"
#include "cli/progress.h"

namespace tenon {

/// Stops the task where an InterruptGuard (cli/interrupt.h) has caught a signal.
class ConsoleObserver : public Observer {
 public:
  explicit ConsoleObserver(Console& console) : console_(console) {}

  using Observer::note;
  void note(const Diagnostic& diagnostic) override;
  void progress(std::string_view stage, std::uint64_t done, std::uint64_t total) override;
  bool stopped() const override;

 private:
  Console& console_;
  std::string stage_;
  std::optional<ProgressBar> bar_;
};

}  // namespace tenon
