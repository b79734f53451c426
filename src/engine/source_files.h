// The files that bytes are taken from, mapped: what is copied as it is goes from the mapping to the output
// without a buffer in between, scattered elements are gathered out of it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "engine/sigbus_guard.h"

namespace tenon {

/// Any member may be called from any thread. A file whose size or modification time is no longer what its
/// ShardFile says is refused with UserError; what the system cannot do is a SystemError.
class SourceFiles {
 public:
  explicit SourceFiles(const std::vector<ShardFile>& files);
  ~SourceFiles();
  SourceFiles(const SourceFiles&) = delete;
  SourceFiles& operator=(const SourceFiles&) = delete;

  /// The file's bytes. They may be read by the system (pwrite) or inside of guarded() only.
  std::span<const std::byte> bytes(std::uint32_t file);

  /// Runs `read`, which reads bytes of `file` and owns nothing where it does.
  template <typename Read>
  void guarded(std::uint32_t file, const Read& read) {
    if (!survives_sigbus(read)) throw_lost_page(file);
  }

  /// Brings a range into the mapping at once, which is cheaper than a page fault for every few pages of it.
  void fetch(std::uint32_t file, std::uint64_t offset, std::uint64_t size);

  /// Likewise, unless it was done before: for ranges that are gathered from again and again. Whole blocks of
  /// some MiB.
  void fetch_once(std::uint32_t file, std::uint64_t offset, std::uint64_t size);

  /// Takes a range out of the mapping; it stays in the system's cache.
  void release(std::uint32_t file, std::uint64_t offset, std::uint64_t size);

  /// Of every file that was opened: is it still the one whose header was read?
  void check_unchanged();

  /// The same of one file.
  void require_unchanged(std::uint32_t file) { check_unchanged(file); }

  /// The system could not get at bytes of the mapping: throws what is behind it.
  [[noreturn]] void throw_lost_page(std::uint32_t file);

  int descriptor(std::uint32_t file);
  const std::string& path(std::uint32_t file) const { return files_[file].path.native(); }

 private:
  struct Open {
    std::once_flag once;
    int descriptor = -1;
    std::byte* mapping = nullptr;
    /// by block
    std::vector<std::atomic<bool>> fetched;
  };

  Open& open(std::uint32_t file);
  void check_unchanged(std::uint32_t file);

  const std::vector<ShardFile>& files_;
  std::unique_ptr<Open[]> open_;
  SigbusGuard guard_;
};

/// Raises the soft limit of open files as far as `files` need and the hard limit allows.
void allow_open_files(std::size_t files);

}  // namespace tenon
