// The shards being written: their whole size is reserved and their header written before the first tensor
// byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "plan/plan.h"

namespace tenon {

/// Different shards, and different ranges of one shard, may be written from several threads at once. Whatever
/// the system cannot do is a SystemError with path and, for a full disk, how much was needed and is free.
class OutputFiles {
 public:
  /// Creates in `folder` those shards for which `wanted` holds.
  OutputFiles(const std::vector<PlannedShard>& shards, const std::vector<bool>& wanted,
              const std::filesystem::path& folder);
  ~OutputFiles();
  OutputFiles(const OutputFiles&) = delete;
  OutputFiles& operator=(const OutputFiles&) = delete;

  void write(std::uint32_t shard, std::uint64_t offset, std::span<const std::byte> bytes);

  /// Lets the disk begin with a range that is written, so that the final sync has less to do.
  void start_writeback(std::uint32_t shard, std::uint64_t offset, std::uint64_t bytes);

  int descriptor(std::uint32_t shard) const { return files_[shard].descriptor; }
  const std::string& path(std::uint32_t shard) const { return files_[shard].path.native(); }

  /// Nothing more comes for this shard: syncs it where asked, and closes it.
  void finish(std::uint32_t shard, bool sync);

  /// Could the files' space be reserved? Otherwise a full disk shows only while writing.
  bool reserved() const { return reserved_; }

 private:
  struct File {
    std::filesystem::path path;
    int descriptor = -1;
  };

  void create(const PlannedShard& shard, File& file);
  [[noreturn]] void throw_failure(const char* action, const File& file, int error) const;

  std::vector<File> files_;
  std::uint64_t total_ = 0;
  bool reserved_ = true;
};

}  // namespace tenon
