// The hashes of one conversion: which tensors need one, which blocks do not pass through the copy and need
// reading of their own, and what is known in the end.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/journal.h"
#include "engine/block_digests.h"
#include "engine/engine.h"
#include "engine/output_files.h"
#include "engine/schedule.h"
#include "engine/source_files.h"
#include "engine/transfer.h"
#include "plan/plan.h"

namespace tenon {

class HashBook {
 public:
  HashBook(const Plan& plan, const Checkpoint& source, const Transfer& transfer,
           const EngineOptions& options);

  /// XXH3 is computed while bytes pass, SHA-256 when a shard is complete.
  bool while_passing() const { return kind_ != HashKind::kNone; }
  BlockDigests& sources() { return source_digests_; }
  BlockDigests& outputs() { return output_digests_; }

  /// Adds tasks for the source blocks that are not copied as they are into a shard that is `wanted`.
  void schedule(Schedule& schedule, const std::vector<bool>& wanted) const;

  /// kSha256: hashes a complete shard, its tensors and the sources that were read for it; `between` as in
  /// sha256_of_range().
  void hash_shard(std::uint32_t shard, SourceFiles& sources, const OutputFiles& outputs,
                  const std::function<void()>& between);

  /// kSha256: hashes a shard that an earlier run finished.
  void hash_finished_shard(std::uint32_t shard, const std::filesystem::path& folder,
                           const std::function<void()>& between);

  /// What is known about a complete shard.
  FinishedShard finished(std::uint32_t shard) const;

  /// Puts all hashes into the result.
  void report(EngineResult& result) const;

 private:
  void find_sources_read();
  void take_over(const FinishedShard& shard);
  std::vector<std::uint32_t> sources_for(std::uint32_t shard) const;
  TensorHash output_hash(std::uint32_t output) const;
  TensorHash source_hash(std::uint32_t source) const;

  const Plan& plan_;
  const Checkpoint& source_;
  const Transfer& transfer_;
  const HashKind kind_;
  std::vector<std::vector<std::uint32_t>> outputs_of_;  // by shard
  std::vector<bool> source_read_;
  BlockDigests source_digests_;
  BlockDigests output_digests_;
  std::vector<TensorHash> source_hashes_;  // of an earlier run, and SHA-256
  std::vector<TensorHash> output_hashes_;
  std::mutex recording_;
  std::map<std::string, std::string> shard_hashes_;
  std::vector<std::atomic<bool>> claimed_;  // kSha256: sources being hashed
  std::vector<std::atomic<bool>> hashed_;   // kSha256: sources done
};

}  // namespace tenon
