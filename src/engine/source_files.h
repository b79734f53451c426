// The files that bytes are taken from. Adjacent bytes are read (no page faults, no signals); scattered ones
// are gathered out of a mapping, which is made when it is first asked for.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
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

  /// Fills `out` from `offset` on.
  void read(std::uint32_t file, std::uint64_t offset, std::span<std::byte> out);

  /// Runs `use` on a mapping of the whole file. `use` may be left in its midst and must own nothing.
  template <typename Use>
  void with_mapping(std::uint32_t file, const Use& use) {
    const std::byte* bytes = map(file);
    if (!survives_sigbus([&] { use(bytes); })) throw_lost_page(file);
  }

  /// Tells the system that these bytes are wanted soon.
  void will_need(std::uint32_t file, std::uint64_t offset, std::uint64_t bytes);

  /// Of every file that was opened: is it still the one whose header was read?
  void check_unchanged();

  int descriptor(std::uint32_t file);
  const std::string& path(std::uint32_t file) const { return files_[file].path.native(); }

 private:
  struct Open {
    std::once_flag opened;
    std::once_flag mapped;
    int descriptor = -1;
    std::byte* mapping = nullptr;
  };

  const std::byte* map(std::uint32_t file);
  void check_unchanged(std::uint32_t file);
  [[noreturn]] void throw_lost_page(std::uint32_t file);

  const std::vector<ShardFile>& files_;
  std::unique_ptr<Open[]> open_;
  SigbusGuard guard_;
};

/// The modification time as ShardFile has it.
std::int64_t modified_ns(const struct stat& status);

/// Raises the soft limit of open files as far as `files` need and the hard limit allows.
void allow_open_files(std::size_t files);

}  // namespace tenon
