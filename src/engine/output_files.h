// The shards being written: their whole size is reserved and their header written before the first tensor
// byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/file.h"
#include "plan/plan.h"

namespace tenon {

/// Different shards, and different ranges of one shard, may be written from several threads at once. What the
/// system cannot do is a SystemError with the path.
class OutputFiles {
 public:
  /// Creates in `folder` those shards for which `wanted` holds.
  OutputFiles(const std::vector<PlannedShard>& shards, const std::vector<bool>& wanted,
              const std::filesystem::path& folder);

  void write(std::uint32_t shard, std::uint64_t offset, std::span<const std::byte> bytes) const;

  /// Lets the disk begin with a range that is written, so that the final sync has less to do.
  void start_writeback(std::uint32_t shard, std::uint64_t offset, std::uint64_t bytes) const;

  /// Nothing more comes for this shard: syncs it where asked, and closes it. Throws Interrupted.
  void finish(std::uint32_t shard, bool sync, const Observer& observer);

  const OutputFile& file(std::uint32_t shard) const { return *files_[shard]; }

  /// Could the files' space be reserved? Otherwise a full disk shows only while writing.
  bool reserved() const { return reserved_; }

 private:
  std::vector<std::optional<OutputFile>> files_;
  bool reserved_ = true;
};

}  // namespace tenon
