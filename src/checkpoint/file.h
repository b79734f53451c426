// Files as the system sees them: read within limits, written completely, with errors that name the path.
#pragma once

#include <sys/stat.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/diagnostics.h"
#include "base/observer.h"

namespace tenon {

/// Calls until it is not interrupted by a signal.
template <typename Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

/// A file as a whole, as the place of a diagnostic.
Place place_of(const std::filesystem::path& path);

/// Is this errno what a file system says that does not know the call?
bool is_unsupported(int error);

/// An open file descriptor that closes itself.
class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor();

  /// close(2): 0, or -1 and errno; the descriptor is gone in any case.
  int close();
  int get() const { return fd_; }

 private:
  int fd_;
};

/// Opens a regular file for reading. Throws UserError where the path is no regular file, SystemError where it
/// cannot be opened.
FileDescriptor open_for_reading(const std::filesystem::path& path);

/// Reads exactly `bytes.size()` bytes at `offset`. Throws SystemError, also where the file ends before.
void read_at(const FileDescriptor& file, const std::filesystem::path& path, std::uint64_t offset,
             std::span<char> bytes);

/// Writes all of `bytes` at `offset`. Throws SystemError.
void write_at(const FileDescriptor& file, const std::filesystem::path& path, std::uint64_t offset,
              std::span<const std::byte> bytes);

/// The whole of a text file. Throws UserError where it is longer than `limit` bytes or no regular file,
/// SystemError where it cannot be read.
std::string read_text_file(const std::filesystem::path& path, std::uint64_t limit);

/// A file of the output. Its mode follows the umask.
class OutputFile {
 public:
  /// Creates or empties `path` and reserves `size` bytes on the disk; where the file system cannot do that
  /// (`preallocated()` is false) only the length is set. Throws SystemError.
  OutputFile(std::filesystem::path path, std::uint64_t size);

  /// Writes all of `bytes` at `offset`; from any number of threads at once.
  void write(std::uint64_t offset, std::span<const std::byte> bytes) const;

  /// Waits until the bytes are on the disk. Throws Interrupted where the observer wants no more of it.
  void sync(const Observer& observer = nobody()) const;

  /// Nothing more is written. Some file systems say only here that they could not keep the bytes.
  void close();

  bool preallocated() const { return preallocated_; }
  int descriptor() const { return file_.get(); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  FileDescriptor file_;
  bool preallocated_ = false;
};

/// Copies the bytes of a regular file, links followed; `passed` is shown every byte in order. Throws
/// UserError or SystemError as reading and writing do, Interrupted.
void copy_file(const std::filesystem::path& from, const std::filesystem::path& to, bool sync,
               const Observer& observer = nobody(),
               const std::function<void(std::span<const std::byte>)>& passed = {});

/// The modification time as ShardFile has it.
std::int64_t modified_ns(const struct stat& status);

/// Writes a file as a whole. Throws SystemError.
void write_text_file(const std::filesystem::path& path, std::string_view text, bool sync);

/// Adds to the end of a file, which is created where it is absent. Throws SystemError.
void append_to_file(const std::filesystem::path& path, std::string_view text, bool sync);

/// Waits until a file that was written before is on the disk. Throws SystemError.
void sync_file(const std::filesystem::path& path);

/// Makes the entries of a folder durable; false where the file system cannot. Throws SystemError.
bool sync_folder(const std::filesystem::path& folder);

/// Makes a folder and those above it, where they are absent. Throws SystemError.
void make_folders(const std::filesystem::path& path);

/// Removes a file, or a folder with all in it, where there is one. Throws SystemError.
void remove_tree(const std::filesystem::path& path);

/// rename(2), not interrupted: 0, or -1 and errno.
int rename_path(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace tenon
