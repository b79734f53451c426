// Which system calls change files, which do not, and the filter that tells them apart (x86-64).
#pragma once

#include <asm/ioctls.h>
#include <sys/mman.h>

struct Call {
  long nr;
  const char* name;
  int path;   // which argument is a path; -1: argument 0 is a file descriptor
  int to;     // the second path, -1: none
  int size;   // which argument counts bytes that may be taken in part, -1: none
  int opens;  // the result is a file descriptor
};

static const struct Call kMutating[] = {
    {SYS_open, "open", 0, -1, -1, 1},
    {SYS_openat, "openat", 1, -1, -1, 1},
    {SYS_creat, "creat", 0, -1, -1, 1},
    {SYS_write, "write", -1, -1, 2, 0},
    {SYS_pwrite64, "pwrite64", -1, -1, 2, 0},
    {SYS_writev, "writev", -1, -1, -1, 0},
    {SYS_pwritev, "pwritev", -1, -1, -1, 0},
    {SYS_pwritev2, "pwritev2", -1, -1, -1, 0},
    {SYS_sendfile, "sendfile", -1, -1, 3, 0},
    {SYS_copy_file_range, "copy_file_range", -1, -1, 4, 0},
    {SYS_splice, "splice", -1, -1, 4, 0},
    {SYS_close, "close", -1, -1, -1, 0},
    {SYS_truncate, "truncate", 0, -1, -1, 0},
    {SYS_ftruncate, "ftruncate", -1, -1, -1, 0},
    {SYS_fallocate, "fallocate", -1, -1, -1, 0},
    {SYS_fsync, "fsync", -1, -1, -1, 0},
    {SYS_fdatasync, "fdatasync", -1, -1, -1, 0},
    {SYS_syncfs, "syncfs", -1, -1, -1, 0},
    {SYS_sync_file_range, "sync_file_range", -1, -1, -1, 0},
    {SYS_flock, "flock", -1, -1, -1, 0},
    {SYS_rename, "rename", 0, 1, -1, 0},
    {SYS_renameat, "renameat", 1, 3, -1, 0},
    {SYS_renameat2, "renameat2", 1, 3, -1, 0},
    {SYS_unlink, "unlink", 0, -1, -1, 0},
    {SYS_unlinkat, "unlinkat", 1, -1, -1, 0},
    {SYS_rmdir, "rmdir", 0, -1, -1, 0},
    {SYS_mkdir, "mkdir", 0, -1, -1, 0},
    {SYS_mkdirat, "mkdirat", 1, -1, -1, 0},
    {SYS_link, "link", 0, 1, -1, 0},
    {SYS_linkat, "linkat", 1, 3, -1, 0},
    {SYS_symlink, "symlink", 0, 1, -1, 0},
    {SYS_symlinkat, "symlinkat", 0, 2, -1, 0},
    {SYS_chmod, "chmod", 0, -1, -1, 0},
    {SYS_fchmod, "fchmod", -1, -1, -1, 0},
    {SYS_fchmodat, "fchmodat", 1, -1, -1, 0},
    {SYS_chown, "chown", 0, -1, -1, 0},
    {SYS_fchown, "fchown", -1, -1, -1, 0},
    {SYS_fchownat, "fchownat", 1, -1, -1, 0},
    {SYS_utimensat, "utimensat", 1, -1, -1, 0},
};

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define LET BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define TRAP BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP)
#define IF_EQUAL(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip)

// The number is loaded before and after each of these.
#define LET_CALL(name) IF_EQUAL(SYS_##name, 1), LET
#define LET_WITHOUT_BITS(name, argument, bits) \
  IF_EQUAL(SYS_##name, 4), LOAD(args[argument]), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 1, 0), LET, TRAP
#define LET_WITH_VALUE(name, argument, value) \
  IF_EQUAL(SYS_##name, 4), LOAD(args[argument]), IF_EQUAL(value, 1), LET, LOAD(nr)
#define LET_PRIVATE_OR_READ_ONLY(name)                                                                 \
  IF_EQUAL(SYS_##name, 7), LOAD(args[2]), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_WRITE, 1, 0), LET, \
      LOAD(args[3]), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MAP_SHARED, 1, 0), LET, TRAP

#define WRITES (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)

#define INTERPOSED_FILTER(trusted)                                                                         \
  LOAD(arch), IF_EQUAL(AUDIT_ARCH_X86_64, 5), LOAD(instruction_pointer), IF_EQUAL((uint32_t)(trusted), 3), \
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4),          \
      IF_EQUAL((uint32_t)((trusted) >> 32), 1), LET, LOAD(nr), HARMLESS, TRAP

#define HARMLESS                                                                                             \
  LET_CALL(read), LET_CALL(pread64), LET_CALL(readv), LET_CALL(preadv), LET_CALL(lseek), LET_CALL(fstat),    \
      LET_CALL(stat), LET_CALL(lstat), LET_CALL(newfstatat), LET_CALL(statx), LET_CALL(statfs),              \
      LET_CALL(fstatfs), LET_CALL(access), LET_CALL(faccessat), LET_CALL(faccessat2), LET_CALL(readlink),    \
      LET_CALL(readlinkat), LET_CALL(getcwd), LET_CALL(getdents64), LET_CALL(fadvise64),                     \
      LET_CALL(readahead), LET_CALL(mincore), LET_CALL(madvise), LET_CALL(mprotect), LET_CALL(munmap),       \
      LET_CALL(mremap), LET_CALL(brk), LET_CALL(futex), LET_CALL(clone), LET_CALL(clone3), LET_CALL(exit),   \
      LET_CALL(exit_group), LET_CALL(set_robust_list), LET_CALL(set_tid_address), LET_CALL(rseq),            \
      LET_CALL(sched_yield), LET_CALL(sched_getaffinity), LET_CALL(sched_setaffinity), LET_CALL(getcpu),     \
      LET_CALL(get_mempolicy), LET_CALL(membarrier), LET_CALL(nanosleep), LET_CALL(clock_nanosleep),         \
      LET_CALL(clock_gettime), LET_CALL(gettimeofday), LET_CALL(getpid), LET_CALL(gettid), LET_CALL(getuid), \
      LET_CALL(geteuid), LET_CALL(getgid), LET_CALL(getegid), LET_CALL(uname), LET_CALL(sysinfo),            \
      LET_CALL(getrandom), LET_CALL(prlimit64), LET_CALL(getrlimit), LET_CALL(setrlimit), LET_CALL(prctl),   \
      LET_CALL(arch_prctl), LET_CALL(rt_sigaction), LET_CALL(rt_sigprocmask), LET_CALL(rt_sigreturn),        \
      LET_CALL(sigaltstack), LET_CALL(tgkill), LET_CALL(restart_syscall), LET_CALL(poll),                    \
      LET_WITHOUT_BITS(openat, 2, WRITES), LET_WITHOUT_BITS(open, 1, WRITES),                                \
      LET_PRIVATE_OR_READ_ONLY(mmap), LET_WITH_VALUE(write, 0, 1), LET_WITH_VALUE(write, 0, 2),              \
      LET_WITH_VALUE(writev, 0, 1), LET_WITH_VALUE(writev, 0, 2), LET_WITH_VALUE(fcntl, 1, F_GETFD),         \
      LET_WITH_VALUE(fcntl, 1, F_SETFD), LET_WITH_VALUE(fcntl, 1, F_GETFL),                                  \
      LET_WITH_VALUE(fcntl, 1, F_SETFL), LET_WITH_VALUE(fcntl, 1, F_DUPFD_CLOEXEC),                          \
      LET_WITH_VALUE(ioctl, 1, TCGETS), LET_WITH_VALUE(ioctl, 1, TIOCGWINSZ)
