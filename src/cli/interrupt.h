// Ctrl-C while a destination is being made: the task is asked to stop, so that what was begun is left in a
// clean state.
#pragma once

#include <csignal>

namespace tenon {

/// While one lives, SIGINT, SIGTERM and SIGHUP make stop_requested() true in place of ending the program; a
/// second one ends it at once. A signal that the caller had the program ignore stays ignored.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  struct sigaction before_int_ {};
  struct sigaction before_term_ {};
  struct sigaction before_hup_ {};
};

/// Has a guard caught a signal?
bool stop_requested();

/// The last signal that a guard caught, 0 where there was none.
int caught_signal();

}  // namespace tenon
