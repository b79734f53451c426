#include "failing_calls.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>

namespace tenon {
namespace {

CallFailures failures;
std::atomic<int> calls = 0;

int fail(int error) {
  errno = error;
  return -1;
}

bool interrupted() {
  return failures.interrupt_every > 0 && ++calls % failures.interrupt_every == 0;
}

}  // namespace

FailingCalls::FailingCalls(const CallFailures& wanted) {
  failures = wanted;
}
FailingCalls::~FailingCalls() {
  failures = {};
}

}  // namespace tenon

using tenon::fail;
using tenon::failures;
using tenon::interrupted;

extern "C" {

ssize_t pwrite64(int fd, const void* data, size_t size, off64_t offset) {
  if (interrupted()) return fail(EINTR);
  if (failures.pwrite_at_most > 0) size = std::min(size, failures.pwrite_at_most);
  return syscall(SYS_pwrite64, fd, data, size, offset);
}

int fsync(int fd) {
  if (interrupted()) return fail(EINTR);
  return failures.fsync_error ? fail(failures.fsync_error) : static_cast<int>(syscall(SYS_fsync, fd));
}

int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
  if (interrupted()) return fail(EINTR);
  if (failures.fallocate_error) return fail(failures.fallocate_error);
  return static_cast<int>(syscall(SYS_fallocate, fd, mode, offset, length));
}

int flock(int fd, int operation) noexcept {
  return failures.flock_error ? fail(failures.flock_error)
                              : static_cast<int>(syscall(SYS_flock, fd, operation));
}

int renameat2(int from_fd, const char* from, int to_fd, const char* to, unsigned int flags) noexcept {
  if (failures.swap_error) return fail(failures.swap_error);
  return static_cast<int>(syscall(SYS_renameat2, from_fd, from, to_fd, to, flags));
}

int rename(const char* from, const char* to) noexcept {
  struct stat info {};
  const bool folder = lstat(from, &info) == 0 && S_ISDIR(info.st_mode);
  if (folder && failures.rename_folder_error) return fail(failures.rename_folder_error);
  return static_cast<int>(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}
}
