// What is known of the hashes of one run's tensors: digests of blocks as they pass, whole hashes that an
// earlier run's journal has, and both again for the journal and the result.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "engine/block_digests.h"
#include "engine/engine.h"
#include "engine/transfer.h"
#include "output/journal.h"
#include "plan/plan.h"

namespace tenon {

/// Members may be called from any thread, but for the constructor and report().
class HashRecords {
 public:
  /// Begins with what options.finished says.
  HashRecords(const Plan& plan, const Checkpoint& source, const Transfer& transfer,
              const EngineOptions& options);

  /// XXH3 is computed while bytes pass, SHA-256 when a shard is complete (engine/shard_sha256.h).
  bool while_passing() const { return kind_ != HashKind::kNone; }
  BlockDigests& sources() { return source_digests_; }
  BlockDigests& outputs() { return output_digests_; }

  /// Has this run to hash the source's blocks: is it read by the plan and not known from an earlier run?
  bool is_to_be_hashed(std::uint32_t source) const;

  bool has_sha256(std::uint32_t source) const { return source_sha256_[source]; }
  const std::string& sha256_of(std::uint32_t source) const { return source_hashes_[source].sha256; }
  void set_source_sha256(std::uint32_t source, std::string hash);
  void set_output_sha256(std::uint32_t output, std::string hash);

  /// The outputs in a shard, and the sources that are read for it, by rising number.
  const std::vector<std::uint32_t>& outputs_in(std::uint32_t shard) const { return outputs_of_[shard]; }
  std::vector<std::uint32_t> sources_for(std::uint32_t shard) const;

  /// What is known about a complete shard.
  FinishedShard finished(std::uint32_t shard) const;

  /// Puts the hashes of all tensors into the result.
  void report(EngineResult& result) const;

 private:
  void find_sources_read();
  void take_over(const FinishedShard& shard);
  void hash_empty_tensors();
  TensorHash output_hash(std::uint32_t output) const;
  TensorHash source_hash(std::uint32_t source) const;

  const Plan& plan_;
  const Checkpoint& source_;
  const Transfer& transfer_;
  const HashKind kind_;
  /// by shard
  std::vector<std::vector<std::uint32_t>> outputs_of_;
  std::vector<bool> source_read_;
  BlockDigests source_digests_;
  BlockDigests output_digests_;
  // Of an earlier run, and SHA-256.
  std::vector<TensorHash> source_hashes_;
  std::vector<TensorHash> output_hashes_;
  // Whose SHA-256 may be read: a source belongs to several shards, which finish on different threads.
  std::vector<std::atomic<bool>> source_sha256_;
};

}  // namespace tenon
