// Ctrl-C while a destination is being made: the engine is asked to stop, so that what was begun is left in a
// clean state.
#pragma once

#include <atomic>
#include <csignal>

namespace tenon {

/// While one lives, SIGINT, SIGTERM and SIGHUP set `stop()` in place of ending the program; a second one ends
/// it at once. A signal that the caller had the program ignore stays ignored.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  const std::atomic<bool>* stop() const;

  /// Throws Interrupted where stop() is set.
  void throw_if_stopped() const;

 private:
  struct sigaction before_int_ {};
  struct sigaction before_term_ {};
  struct sigaction before_hup_ {};
};

/// The last signal that a guard caught, 0 where there was none.
int caught_signal();

}  // namespace tenon
