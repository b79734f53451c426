// Makes one system call of a program fail, or kills the program at it. Loaded by LD_PRELOAD.
//
// No function of the C library is replaced: a seccomp filter lets through what is known to change no file and
// turns every other call into SIGSYS, whose handler counts it, fails it or carries it out from the one
// instruction that the filter trusts. So no call is missed, however it is made, and one that is in neither
// list ends the program with a message.
//
//   TENON_FAULT=K:KIND     what becomes of call number K (from 1); absent: calls are counted only
//   TENON_FAULT_LOG=FD     an open file to which one line for each call is written: K, name, path, then "!"
//                          and the kind where it was made to fail
//   TENON_FAULT_ALWAYS=NAME=ERRNO[,...]   calls that this file system does not know; NAME may be
//                          rename-folder, fsync-folder
//   TENON_FAULT_FILE=PATH  for the kinds that change the source
//
//   kind          the call
//   kill-before   is not made: SIGKILL
//   kill-after    is made, then SIGKILL
//   ERRNO         gives that error (a number); a close is made all the same, as Linux does
//   short         takes half of what it was given
//   signal        is made, and SIGINT comes meanwhile
//   stop          is made after the program was stopped (SIGSTOP) and continued
//   cut, touch    is made after TENON_FAULT_FILE was cut to half its size, or a byte in it was changed
//   lie           is not made and says that all went well
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "interposed_calls.h"

// fault_syscall(nr, a, b, c, d, e, f): the result, or -errno.
long fault_syscall(long nr, ...);
extern const char fault_syscall_end[];
__asm__(
    ".text\n"
    ".hidden fault_syscall\n.globl fault_syscall\n.type fault_syscall, @function\n"
    "fault_syscall:\n"
    "  mov %rdi, %rax\n  mov %rsi, %rdi\n  mov %rdx, %rsi\n  mov %rcx, %rdx\n"
    "  mov %r8, %r10\n  mov %r9, %r8\n  mov 8(%rsp), %r9\n"
    "  syscall\n"
    ".hidden fault_syscall_end\n.globl fault_syscall_end\n"
    "fault_syscall_end:\n"
    "  ret\n");

static long wanted_call = 0;
static char wanted_kind[32];
static int log_fd = -1;
static char always[256];
static char source_file[4096];
static atomic_long calls;
static atomic_uchar opened_for_writing[1 << 16];

static void say(const char* text) {
  fault_syscall(SYS_write, log_fd >= 0 ? log_fd : 2, text, strlen(text), 0, 0, 0);
}

static const struct Call* call_of(long nr) {
  for (size_t i = 0; i < sizeof kMutating / sizeof *kMutating; ++i) {
    if (kMutating[i].nr == nr) return &kMutating[i];
  }
  return NULL;
}

static int is_folder(const struct Call* call, const long* args) {
  struct stat info;
  const long status = call->path < 0 ? fault_syscall(SYS_fstat, args[0], &info, 0, 0, 0, 0)
                                     : fault_syscall(SYS_lstat, args[call->path], &info, 0, 0, 0, 0);
  return status == 0 && S_ISDIR(info.st_mode);
}

// The errno that this file system always gives for the call, 0 where it knows it.
static int unknown_here(const struct Call* call, const long* args) {
  char pair[256];
  const char* next = always;
  while (*next != '\0') {
    const size_t length = strcspn(next, ",");
    snprintf(pair, sizeof pair, "%.*s", (int)length, next);
    next += length + (next[length] == ',');
    char* equals = strchr(pair, '=');
    if (equals == NULL) continue;
    *equals = '\0';
    char* folder = strstr(pair, "-folder");
    if (folder != NULL) *folder = '\0';
    if (strcmp(pair, call->name) == 0 && (folder == NULL || is_folder(call, args))) return atoi(equals + 1);
  }
  return 0;
}

static void log_call(long number, const struct Call* call, const long* args, const char* fate) {
  char path[1024] = "";
  char line[2300];
  if (call->path >= 0) {
    snprintf(path, sizeof path, "%s", (const char*)args[call->path]);
  } else {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%ld", args[0]);
    const long size = fault_syscall(SYS_readlink, link, path, sizeof path - 1, 0, 0, 0);
    path[size > 0 ? size : 0] = '\0';
  }
  snprintf(line, sizeof line, "%ld\t%s\t%s%s%s%s%s\n", number, call->name, path, call->to >= 0 ? "\t" : "",
           call->to >= 0 ? (const char*)args[call->to] : "", *fate ? "\t!" : "", fate);
  say(line);
}

static void die(void) {
  fault_syscall(SYS_kill, getpid(), SIGKILL, 0, 0, 0, 0);
}

static void change_source(int cut) {
  const long fd = fault_syscall(SYS_open, source_file, O_RDWR, 0, 0, 0, 0);
  struct stat info;
  char byte;
  if (fd < 0 || fault_syscall(SYS_fstat, fd, &info, 0, 0, 0, 0) != 0) {
    say("cannot change TENON_FAULT_FILE\n");
    die();
  }
  if (cut) {
    fault_syscall(SYS_ftruncate, fd, info.st_size / 2, 0, 0, 0, 0);
  } else {
    fault_syscall(SYS_pread64, fd, &byte, 1, info.st_size - 1, 0, 0);
    byte ^= 1;
    fault_syscall(SYS_pwrite64, fd, &byte, 1, info.st_size - 1, 0, 0);
  }
  fault_syscall(SYS_close, fd, 0, 0, 0, 0, 0);
}

static long carry_out(const struct Call* call, const long* args) {
  const long result = fault_syscall(call->nr, args[0], args[1], args[2], args[3], args[4], args[5]);
  if (call->opens && result >= 0 && result < (long)sizeof opened_for_writing) opened_for_writing[result] = 1;
  if (call->nr == SYS_close) opened_for_writing[args[0]] = 0;
  return result;
}

static long carry_out_wanted(const struct Call* call, long* args) {
  const int error = atoi(wanted_kind);
  if (error > 0) {
    if (call->nr == SYS_close) carry_out(call, args);
    return -error;
  }
  if (strcmp(wanted_kind, "kill-before") == 0) die();
  if (strcmp(wanted_kind, "lie") == 0) return call->size >= 0 ? args[call->size] : 0;
  if (strcmp(wanted_kind, "short") == 0 && call->size >= 0) args[call->size] = (args[call->size] + 1) / 2;
  if (strcmp(wanted_kind, "stop") == 0) fault_syscall(SYS_kill, getpid(), SIGSTOP, 0, 0, 0, 0);
  if (strcmp(wanted_kind, "cut") == 0) change_source(1);
  if (strcmp(wanted_kind, "touch") == 0) change_source(0);
  // Blocked in this handler: it is delivered on the way back to the program.
  if (strcmp(wanted_kind, "signal") == 0)
    fault_syscall(SYS_tgkill, getpid(), fault_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0), SIGINT, 0, 0, 0);
  const long result = carry_out(call, args);
  if (strcmp(wanted_kind, "kill-after") == 0) die();
  return result;
}

static void on_call(int signal, siginfo_t* info, void* context) {
  (void)signal;
  greg_t* registers = ((ucontext_t*)context)->uc_mcontext.gregs;
  long args[6] = {registers[REG_RDI], registers[REG_RSI], registers[REG_RDX],
                  registers[REG_R10], registers[REG_R8],  registers[REG_R9]};
  const struct Call* call = call_of(info->si_syscall);
  if (call == NULL) {
    char text[80];
    snprintf(text, sizeof text, "unknown\tsystem call %d: name it in interposed_calls.h\n", info->si_syscall);
    say(text);
    die();
    return;
  }
  const int reads_only =
      call->nr == SYS_close &&
      (args[0] < 0 || args[0] >= (long)sizeof opened_for_writing || !opened_for_writing[args[0]]);
  if (reads_only) {
    registers[REG_RAX] = carry_out(call, args);
    return;
  }
  const long number = atomic_fetch_add(&calls, 1) + 1;
  const int unknown = unknown_here(call, args);
  log_call(number, call, args, number == wanted_call ? wanted_kind : unknown ? "unknown here" : "");
  registers[REG_RAX] = number == wanted_call ? carry_out_wanted(call, args)
                       : unknown             ? -unknown
                                             : carry_out(call, args);
}

static void copy_variable(const char* name, char* to, size_t size) {
  const char* value = getenv(name);
  snprintf(to, size, "%s", value != NULL ? value : "");
}

__attribute__((constructor)) static void begin(void) {
  char number[16];
  copy_variable("TENON_FAULT_LOG", number, sizeof number);
  if (*number != '\0') log_fd = atoi(number);
  copy_variable("TENON_FAULT", wanted_kind, sizeof wanted_kind);
  wanted_call = atol(wanted_kind);
  const char* colon = strchr(wanted_kind, ':');
  if (colon != NULL) memmove(wanted_kind, colon + 1, strlen(colon));
  copy_variable("TENON_FAULT_ALWAYS", always, sizeof always);
  copy_variable("TENON_FAULT_FILE", source_file, sizeof source_file);

  struct sigaction action = {.sa_sigaction = on_call, .sa_flags = SA_SIGINFO};
  sigfillset(&action.sa_mask);
  const uint64_t trusted = (uint64_t)(uintptr_t)fault_syscall_end;
  struct sock_filter filter[] = {INTERPOSED_FILTER(trusted)};
  struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  if (sigaction(SIGSYS, &action, NULL) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
    say("unable\tto install a seccomp filter\n");
    _exit(99);
  }
}
