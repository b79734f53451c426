#include "checkpoint/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "base/diagnostics.h"
#include "base/text.h"

namespace tenon {
namespace {

// Calls until it is not interrupted by a signal.
template <typename Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

// Is this what a file system says that does not know the call?
bool unsupported(int error) {
  return error == EOPNOTSUPP || error == ENOSYS || error == EINVAL;
}

std::uint64_t size_of(const FileDescriptor& file, const std::filesystem::path& path) {
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) throw SystemError("examine", path.string(), errno);
  return static_cast<std::uint64_t>(info.st_size);
}

}  // namespace

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

FileDescriptor open_for_reading(const std::filesystem::path& path) {
  // Not blocking, so that a pipe in the folder cannot hang the run.
  FileDescriptor file(uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); }));
  if (file.get() < 0) throw SystemError("open", path.string(), errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) throw SystemError("examine", path.string(), errno);
  if (!S_ISREG(info.st_mode)) throw UserError({path.string(), 0, 0, {}, "", ""}, "not a regular file");
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

std::string read_text_file(const std::filesystem::path& path, std::uint64_t limit) {
  const FileDescriptor file = open_for_reading(path);
  const std::uint64_t size = size_of(file, path);
  if (size > limit) {
    throw UserError({path.string(), 0, 0, {}, "", ""},
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
  if (!unsupported(errno)) throw SystemError("reserve space for", path_.string(), errno, needed);
  if (uninterrupted([&] { return ::ftruncate(file_.get(), length); }) != 0) {
    throw SystemError("set the size of", path_.string(), errno, needed);
  }
}

void OutputFile::write(std::uint64_t offset, std::span<const std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t put = uninterrupted(
        [&] { return ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    if (put < 0) throw SystemError("write", path_.string(), errno);
    if (put == 0) throw SystemError("write", path_.string(), EIO);
    bytes = bytes.subspan(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
}

void OutputFile::sync() const {
  if (uninterrupted([&] { return ::fsync(file_.get()); }) != 0)
    throw SystemError("sync", path_.string(), errno);
}

void copy_file(const std::filesystem::path& from, const std::filesystem::path& to, bool sync) {
  const FileDescriptor source = open_for_reading(from);
  std::uint64_t left = size_of(source, from);
  const OutputFile copy(to, left);
  std::vector<char> buffer(std::min<std::uint64_t>(left, 1 << 20));
  for (std::uint64_t at = 0; left > 0;) {
    const std::span<char> chunk = std::span(buffer).first(std::min<std::uint64_t>(left, buffer.size()));
    read_at(source, from, at, chunk);
    copy.write(at, std::as_bytes(chunk));
    at += chunk.size();
    left -= chunk.size();
  }
  if (sync) copy.sync();
}

void append_to_file(const std::filesystem::path& path, std::string_view text, bool sync) {
  const FileDescriptor file(
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
}

void sync_folder(const std::filesystem::path& folder) {
  const FileDescriptor file(
      uninterrupted([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (file.get() < 0) throw SystemError("open", folder.string(), errno);
  if (uninterrupted([&] { return ::fsync(file.get()); }) != 0 && !unsupported(errno)) {
    throw SystemError("sync", folder.string(), errno);
  }
}

}  // namespace tenon
