// SHA-256 of what a run wrote: of each shard when it is complete, of its tensors, and of the sources that
// were read for it.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/observer.h"
#include "engine/engine.h"
#include "engine/hash_records.h"
#include "engine/output_files.h"
#include "engine/source_files.h"
#include "engine/transfer.h"
#include "plan/plan.h"

namespace tenon {

/// Does nothing unless SHA-256 is asked for. Hashes of tensors go to the records.
class ShardSha256 {
 public:
  ShardSha256(const Plan& plan, const Transfer& transfer, const EngineOptions& options, HashRecords& records);

  /// Hashes a complete shard, its tensors and the sources that were read for it and are not hashed yet. From
  /// any thread. Throws SystemError, Interrupted.
  void hash_shard(std::uint32_t shard, SourceFiles& sources, const OutputFiles& outputs,
                  const Observer& observer);

  /// Hashes a shard that an earlier run finished: that run hashed its tensors.
  void hash_finished_shard(std::uint32_t shard, const std::filesystem::path& folder,
                           const Observer& observer);

  /// Shard's name -> hash.
  std::map<std::string, std::string> take_shard_hashes() { return std::exchange(shard_hashes_, {}); }

 private:
  bool copies_whole(std::uint32_t output) const;

  const Plan& plan_;
  const Transfer& transfer_;
  const bool wanted_;
  const ChunkEdit* const edit_;
  HashRecords& records_;
  /// sources that a thread hashes or has hashed
  std::vector<std::atomic<bool>> claimed_;
  std::mutex recording_;
  std::map<std::string, std::string> shard_hashes_;
};

}  // namespace tenon
