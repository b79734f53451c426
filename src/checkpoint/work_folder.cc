#include "checkpoint/work_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <string>

#include "checkpoint/journal.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLockName = "tenon.lock";
constexpr std::string_view kSuffix = ".tenon-work";

Place place(const fs::path& path) {
  return {path.string(), 0, 0, {}, "", ""};
}

// Device and inode, "" where there is nothing.
std::string identity_of(const fs::path& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return "";
  return fmt::format("{}:{}", info.st_dev, info.st_ino);
}

std::string identity_of(const FileDescriptor& file) {
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return "";
  return fmt::format("{}:{}", info.st_dev, info.st_ino);
}

std::string content_of(const FileDescriptor& file) {
  std::array<char, 256> text{};
  const ssize_t got = ::pread(file.get(), text.data(), text.size(), 0);
  return {text.data(), static_cast<std::size_t>(got > 0 ? got : 0)};
}

// "output 2049:131" in the lock file of a run that got that far.
std::string output_identity(const std::string& lock_text) {
  const std::size_t at = lock_text.find("output ");
  if (at == std::string::npos) return "";
  const std::size_t begin = at + std::string_view("output ").size();
  return lock_text.substr(begin, lock_text.find('\n', begin) - begin);
}

void make_folder(const fs::path& path) {
  if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST) throw SystemError("create", path.string(), errno);
}

void remove_tree(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) throw SystemError("remove", path.string(), error.value());
}

void require_ours(const fs::path& path) {
  const bool folder = fs::is_directory(fs::symlink_status(path));
  if (folder && (fs::is_empty(path) || fs::exists(path / kLockName))) return;
  throw UserError(place(path), "stands where tenon would work, but is not tenon's", "Remove or rename it.");
}

}  // namespace

fs::path WorkFolder::path_for(const fs::path& destination) {
  const std::string name = destination.filename().string();
  constexpr std::size_t kLongest = 255 - 1 - kSuffix.size();
  if (name.size() <= kLongest) return destination.parent_path() / fmt::format(".{}{}", name, kSuffix);
  const std::string hash = fmt::format("{:016x}", std::hash<std::string>()(name));
  return destination.parent_path() /
         fmt::format(".{}{}{}", name.substr(0, kLongest - hash.size()), hash, kSuffix);
}

WorkFolder::WorkFolder(const fs::path& destination, Diagnostics& notes) : path_(path_for(destination)) {
  // A run that ends while this one starts takes the folder away between two steps of locking it.
  for (int attempt = 0; !try_lock(destination, notes); ++attempt) {
    if (attempt == 10) throw SystemError("lock", path_.string(), EAGAIN);
  }
  recover(destination, notes);
  keep_ = false;
}

// The lock file goes last: a run that waits for it must not find its own work being removed.
WorkFolder::~WorkFolder() {
  if (keep_) return;
  std::error_code ignored;  // what stays is recognised by the next run
  for (const char* part : {"journal", "journal.new", "output", "old"}) fs::remove_all(path_ / part, ignored);
  fs::remove(path_ / kLockName, ignored);
  fs::remove(path_, ignored);
}

bool WorkFolder::try_lock(const fs::path& destination, Diagnostics& notes) {
  make_folder(path_);
  require_ours(path_);
  const fs::path name = path_ / kLockName;
  lock_ = FileDescriptor(::open(name.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (lock_.get() < 0 && errno == ENOENT) return false;
  if (lock_.get() < 0) throw SystemError("open", name.string(), errno);
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      const std::string owner = content_of(lock_);
      throw UserError(place(destination),
                      fmt::format("another run is writing to it ({})", owner.substr(0, owner.find('\n'))));
    }
    if (errno == EINTR) return false;
    notes.note(place(path_), "this file system cannot lock files; see to it that no other run writes there");
  }
  return identity_of(lock_) == identity_of(name);
}

// After a kill. The output took the destination's place (and, in a swap, the destination the output's), or
// the former destination was put aside and nothing followed, or something did.
void WorkFolder::recover(const fs::path& destination, Diagnostics& notes) {
  const std::string earlier = output_identity(content_of(lock_));
  const bool committed = !earlier.empty() && identity_of(destination) == earlier;
  if (!committed && fs::exists(old())) {
    if (fs::exists(destination)) {
      remove_tree(old());
    } else {
      if (std::rename(old().c_str(), destination.c_str()) != 0) {
        throw SystemError("put back", destination.string(), errno);
      }
      notes.note(place(destination), "an interrupted run had put it aside; it is back");
    }
  }
  if (committed) {
    remove_tree(output());
    remove_tree(old());
    remove_tree(journal());
    notes.note(place(path_), "removed what an earlier run left after it had finished");
  }
}

void WorkFolder::make_output(bool keep_earlier) {
  if (!keep_earlier) {
    remove_tree(journal());
    remove_tree(output());
  }
  make_folder(output());
  const std::string text = fmt::format("process {}\noutput {}\n", ::getpid(), identity_of(output()));
  if (::ftruncate(lock_.get(), 0) != 0 ||
      ::pwrite(lock_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    throw SystemError("write", (path_ / kLockName).string(), errno);
  }
}

}  // namespace tenon
