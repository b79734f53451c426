// System calls that fail on demand, for tests: this program's definitions come before those of the C library.
#pragma once

#include <cstddef>

namespace tenon {

/// What calls do; 0 leaves a call alone.
struct CallFailures {
  std::size_t pwrite_at_most = 0;  // bytes that one pwrite takes
  int interrupt_every = 0;         // every nth pwrite, fsync or fallocate gives EINTR
  int fallocate_error = 0;
  int fsync_error = 0;
  int flock_error = 0;
  int swap_error = 0;           // renameat2
  int rename_folder_error = 0;  // rename of a folder
};

/// Calls fail while it lives.
class FailingCalls {
 public:
  explicit FailingCalls(const CallFailures& failures);
  ~FailingCalls();
  FailingCalls(const FailingCalls&) = delete;
  FailingCalls& operator=(const FailingCalls&) = delete;
};

}  // namespace tenon
