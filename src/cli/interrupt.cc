#include "cli/interrupt.h"

#include <atomic>

namespace tenon {
namespace {

std::atomic<bool> stop_flag{false};
std::atomic<int> last_signal{0};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

void on_signal(int signal) {
  last_signal = signal;
  stop_flag = true;
}

void take_over(int signal, struct sigaction& before) {
  sigaction(signal, nullptr, &before);
  if (before.sa_handler == SIG_IGN) return;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESETHAND;
  sigaction(signal, &action, nullptr);
}

}  // namespace

InterruptGuard::InterruptGuard() {
  take_over(SIGINT, before_int_);
  take_over(SIGTERM, before_term_);
  take_over(SIGHUP, before_hup_);
}

InterruptGuard::~InterruptGuard() {
  sigaction(SIGINT, &before_int_, nullptr);
  sigaction(SIGTERM, &before_term_, nullptr);
  sigaction(SIGHUP, &before_hup_, nullptr);
}

bool stop_requested() {
  return stop_flag;
}

int caught_signal() {
  return last_signal;
}

}  // namespace tenon
