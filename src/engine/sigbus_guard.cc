#include "engine/sigbus_guard.h"

#include <csignal>
#include <mutex>

namespace tenon {

thread_local sigjmp_buf* sigbus_return = nullptr;

namespace {

std::mutex installing;
int guards = 0;
struct sigaction before;

void leave(int, siginfo_t*, void*) {
  if (sigbus_return != nullptr) siglongjmp(*sigbus_return, 1);
  sigaction(SIGBUS, &before, nullptr);
}

}  // namespace

SigbusGuard::SigbusGuard() {
  const std::lock_guard lock(installing);
  if (guards++ > 0) return;
  struct sigaction action {};
  action.sa_sigaction = leave;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, &before);
}

SigbusGuard::~SigbusGuard() {
  const std::lock_guard lock(installing);
  if (--guards == 0) sigaction(SIGBUS, &before, nullptr);
}

}  // namespace tenon
