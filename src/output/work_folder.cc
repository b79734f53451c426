#include "output/work_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>
#include <string>

#include "output/destination.h"
#include "output/move_files.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLockName = "tenon.lock";
constexpr std::string_view kSuffix = ".tenon-work";

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

// Not those above it: they were made with the destination's.
void make_folder(const fs::path& path) {
  if (uninterrupted([&] { return ::mkdir(path.c_str(), 0777); }) != 0 && errno != EEXIST)
    throw SystemError("create", path.string(), errno);
}

void require_ours(const fs::path& path) {
  const bool folder = fs::is_directory(fs::symlink_status(path));
  if (folder && (fs::is_empty(path) || fs::exists(path / kLockName))) return;
  throw UserError("output-work-folder"_id, place_of(path),
                  "stands where tenon would work, but is not tenon's", "Remove or rename it.");
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

WorkFolder::~WorkFolder() {
  if (keep_) return;
  try {
    remove();
  } catch (const SystemError&) {  // what stays is recognised by the next run
  }
}

// The lock file goes last: a run that waits for it must not find its own work being removed, and without it
// the folder would be nobody's.
void WorkFolder::remove() const {
  for (const char* part :
       {"journal", "journal.new", "moving.new", "moving", "moved", "output", "old", kLockName})
    remove_tree(path_ / part);
  uninterrupted([&] { return ::rmdir(path_.c_str()); });  // it stays where the user has put something in it
}

bool WorkFolder::try_lock(const fs::path& destination, Diagnostics& notes) {
  make_folder(path_);
  require_ours(path_);
  const fs::path name = path_ / kLockName;
  lock_ = FileDescriptor(
      uninterrupted([&] { return ::open(name.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666); }));
  if (lock_.get() < 0 && errno == ENOENT) return false;
  if (lock_.get() < 0) throw SystemError("open", name.string(), errno);
  if (uninterrupted([&] { return ::flock(lock_.get(), LOCK_EX | LOCK_NB); }) != 0) {
    if (errno == EWOULDBLOCK) {
      const std::string owner = content_of(lock_);
      throw UserError("output-busy"_id, place_of(destination),
                      fmt::format("another run is writing to it ({})", owner.substr(0, owner.find('\n'))));
    }
    if (errno != ENOLCK && !is_unsupported(errno)) throw SystemError("lock", name.string(), errno);
    notes.note("output-file-system"_id, place_of(path_),
               "this file system cannot lock files; see to it that no other run writes there");
  }
  return identity_of(lock_) == identity_of(name);
}

// After a kill. The output took the destination's place (and, in a swap, the destination the output's), or
// the former destination was put aside and nothing followed, or files were under way one by one.
void WorkFolder::recover(const fs::path& destination, Diagnostics& notes) {
  const std::string earlier = output_identity(content_of(lock_));
  committed_ = fs::exists(moved()) || (!earlier.empty() && identity_of(destination) == earlier);
  if (committed_) {
    for (const fs::path& part : {journal(), output(), old(), moved()}) remove_tree(part);
    notes.note("output-recovered"_id, place_of(path_),
               "removed what an earlier run left after it had finished");
    return;
  }
  if (fs::exists(moving())) {
    move_back(output(), destination, moving());
    notes.note("output-recovered"_id, place_of(destination),
               "an interrupted run had begun to fill it; that is undone");
  }
  if (!fs::exists(old())) return;
  if (is_occupied(destination)) {
    throw UserError(
        "output-set-aside"_id, place_of(old()),
        "holds the former destination, which an interrupted run put aside; another stands there now",
        fmt::format("Move one of the two away: this or {}.", destination.string()));
  }
  if (rename_path(old(), destination) != 0) throw SystemError("put back", destination.string(), errno);
  notes.note("output-recovered"_id, place_of(destination), "an interrupted run had put it aside; it is back");
}

void WorkFolder::make_output(bool keep_earlier, Diagnostics& notes) {
  if (!keep_earlier) {
    if (fs::exists(output()))
      notes.note("output-recovered"_id, place_of(path_),
                 "removed what an interrupted run left: no finished shard");
    remove_tree(journal());
    remove_tree(output());
  }
  make_folder(output());
  const std::string text = fmt::format("process {}\noutput {}\n", ::getpid(), identity_of(output()));
  const fs::path name = path_ / kLockName;
  if (uninterrupted([&] { return ::ftruncate(lock_.get(), 0); }) != 0)
    throw SystemError("write", name.string(), errno);
  write_at(lock_, name, 0, std::as_bytes(std::span(text)));
}

}  // namespace tenon
