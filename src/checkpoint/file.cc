#include "checkpoint/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>
#include <vector>

#include "base/diagnostics.h"
#include "base/text.h"

namespace tenon {
namespace {

// What is waited for at a time, so that Ctrl-C is heard.
constexpr off_t kSyncSlice = 64 << 20;

std::uint64_t size_of(const FileDescriptor& file, const std::filesystem::path& path) {
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) throw SystemError("examine", path.string(), errno);
  return static_cast<std::uint64_t>(info.st_size);
}

}  // namespace

Place place_of(const std::filesystem::path& path) {
  return {path.string(), 0, 0, {}, "", ""};
}

bool is_unsupported(int error) {
  return error == EOPNOTSUPP || error == ENOSYS || error == EINVAL;
}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

int FileDescriptor::close() {
  return ::close(std::exchange(fd_, -1));
}

FileDescriptor open_for_reading(const std::filesystem::path& path) {
  // Not blocking, so that a pipe in the folder cannot hang the run.
  FileDescriptor file(uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); }));
  if (file.get() < 0) throw SystemError("open", path.string(), errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) throw SystemError("examine", path.string(), errno);
  if (!S_ISREG(info.st_mode)) throw UserError("file-not-regular"_id, place_of(path), "not a regular file");
  return file;
}

void read_at(const FileDescriptor& file, const std::filesystem::path& path, std::uint64_t offset,
             std::span<char> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = uninterrupted(
        [&] { return ::pread(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    if (got < 0) throw SystemError("read", path.string(), errno);
    if (got == 0) throw SystemError("read", path.string(), EIO, "It became shorter while it was being read.");
    bytes = bytes.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
}

void write_at(const FileDescriptor& file, const std::filesystem::path& path, std::uint64_t offset,
              std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = uninterrupted(
        [&] { return ::pwrite(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    if (put < 0) throw SystemError("write", path.string(), errno);
    if (put == 0) throw SystemError("write", path.string(), EIO);
    bytes = bytes.subspan(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
}

std::string read_text_file(const std::filesystem::path& path, std::uint64_t limit) {
  const FileDescriptor file = open_for_reading(path);
  const std::uint64_t size = size_of(file, path);
  if (size > limit) {
    throw UserError("file-too-long"_id, place_of(path),
                    fmt::format("is {} long; at most {} are read", human_bytes(size), human_bytes(limit)));
  }
  std::string text(size, '\0');
  read_at(file, path, 0, text);
  return text;
}

OutputFile::OutputFile(std::filesystem::path path, std::uint64_t size)
    : path_(std::move(path)), file_(uninterrupted([&] {
        return ::open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
      })) {
  if (file_.get() < 0) throw SystemError("create", path_.string(), errno);
  if (size == 0) return;
  const auto length = static_cast<off_t>(size);
  if (uninterrupted([&] { return ::fallocate(file_.get(), 0, 0, length); }) == 0) {
    preallocated_ = true;
    return;
  }
  const std::string needed = fmt::format("It takes {}.", human_bytes(size));
  if (!is_unsupported(errno)) throw SystemError("reserve space for", path_.string(), errno, needed);
  if (uninterrupted([&] { return ::ftruncate(file_.get(), length); }) != 0) {
    throw SystemError("set the size of", path_.string(), errno, needed);
  }
}

void OutputFile::write(std::uint64_t offset, std::span<const std::byte> bytes) const {
  write_at(file_, path_, offset, bytes);
}

// A call that waits for a range takes an error away from the later fsync, so it must not be passed over.
void OutputFile::sync(const Observer& observer) const {
  const auto size = static_cast<off_t>(size_of(file_, path_));
  for (off_t begin = 0; size > kSyncSlice && begin < size; begin += kSyncSlice) {
    observer.throw_if_stopped();
    constexpr unsigned kWait =
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    if (uninterrupted([&] { return ::sync_file_range(file_.get(), begin, kSyncSlice, kWait); }) == 0)
      continue;
    if (!is_unsupported(errno)) throw SystemError("sync", path_.string(), errno);
    break;
  }
  if (uninterrupted([&] { return ::fsync(file_.get()); }) != 0)
    throw SystemError("sync", path_.string(), errno);
}

// Interrupted or not, the descriptor is gone.
void OutputFile::close() {
  if (file_.close() != 0 && errno != EINTR) throw SystemError("close", path_.string(), errno);
}

void copy_file(const std::filesystem::path& from, const std::filesystem::path& to, bool sync,
               const Observer& observer, const std::function<void(std::span<const std::byte>)>& passed) {
  const FileDescriptor source = open_for_reading(from);
  std::uint64_t left = size_of(source, from);
  OutputFile copy(to, left);
  std::vector<char> buffer(std::min<std::uint64_t>(left, 1 << 20));
  for (std::uint64_t at = 0; left > 0;) {
    observer.throw_if_stopped();
    const std::span<char> chunk = std::span(buffer).first(std::min<std::uint64_t>(left, buffer.size()));
    read_at(source, from, at, chunk);
    if (passed) passed(std::as_bytes(chunk));
    copy.write(at, std::as_bytes(chunk));
    at += chunk.size();
    left -= chunk.size();
  }
  if (sync) copy.sync(observer);
  copy.close();
}

std::int64_t modified_ns(const struct stat& status) {
  return static_cast<std::int64_t>(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec;
}

void write_text_file(const std::filesystem::path& path, std::string_view text, bool sync) {
  OutputFile file(path, text.size());
  file.write(0, std::as_bytes(std::span(text)));
  if (sync) file.sync();
  file.close();
}

void append_to_file(const std::filesystem::path& path, std::string_view text, bool sync) {
  FileDescriptor file(
      uninterrupted([&] { return ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666); }));
  if (file.get() < 0) throw SystemError("open", path.string(), errno);
  while (!text.empty()) {
    const ssize_t put = uninterrupted([&] { return ::write(file.get(), text.data(), text.size()); });
    if (put <= 0) throw SystemError("write", path.string(), put < 0 ? errno : EIO);
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  if (sync && uninterrupted([&] { return ::fsync(file.get()); }) != 0) {
    throw SystemError("sync", path.string(), errno);
  }
  if (file.close() != 0 && errno != EINTR) throw SystemError("close", path.string(), errno);
}

void sync_file(const std::filesystem::path& path) {
  const FileDescriptor file = open_for_reading(path);
  if (uninterrupted([&] { return ::fsync(file.get()); }) != 0)
    throw SystemError("sync", path.string(), errno);
}

bool sync_folder(const std::filesystem::path& folder) {
  const FileDescriptor file(
      uninterrupted([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (file.get() < 0) throw SystemError("open", folder.string(), errno);
  if (uninterrupted([&] { return ::fsync(file.get()); }) == 0) return true;
  if (!is_unsupported(errno)) throw SystemError("sync", folder.string(), errno);
  return false;
}

void make_folders(const std::filesystem::path& path) {
  std::error_code error;
  do {
    std::filesystem::create_directories(path, error);
  } while (error.value() == EINTR);
  if (error) throw SystemError("create", path.string(), error.value());
}

void remove_tree(const std::filesystem::path& path) {
  std::error_code error;
  do {
    std::filesystem::remove_all(path, error);
  } while (error.value() == EINTR);
  if (error) throw SystemError("remove", path.string(), error.value());
}

int rename_path(const std::filesystem::path& from, const std::filesystem::path& to) {
  return uninterrupted([&] { return std::rename(from.c_str(), to.c_str()); });
}

}  // namespace tenon
