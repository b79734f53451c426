// A mapped file that is cut short while it is read kills the process with SIGBUS. Inside `survives_sigbus`
// the signal ends the reading instead.
#pragma once

#include <setjmp.h>

#include <atomic>

namespace tenon {

/// Where the signal handler returns to in this thread, nullptr outside of survives_sigbus().
extern thread_local sigjmp_buf* sigbus_return;

/// Installs the handler for as long as one of these lives; a SIGBUS that no guard expects is passed on.
class SigbusGuard {
 public:
  SigbusGuard();
  ~SigbusGuard();
  SigbusGuard(const SigbusGuard&) = delete;
  SigbusGuard& operator=(const SigbusGuard&) = delete;
};

/// Runs `read` and says whether it came to its end. A signal leaves it without a destructor being run, so
/// where it reads it must own nothing. It may throw, and calls may be nested. A SigbusGuard must live.
template <typename Read>
bool survives_sigbus(const Read& read) {
  struct Restore {
    sigjmp_buf* outer = sigbus_return;
    ~Restore() { sigbus_return = outer; }
  };
  const Restore restore;
  sigjmp_buf here;
  /// with the mask: the handler runs with SIGBUS blocked
  if (sigsetjmp(here, 1) != 0) return false;
  sigbus_return = &here;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  read();
  std::atomic_signal_fence(std::memory_order_seq_cst);
  return true;
}

}  // namespace tenon
