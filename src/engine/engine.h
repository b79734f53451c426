// The engine: carries out a plan. It knows no rules and no names, only ranges of bytes.
//
// The outputs are cut into tasks of some tens of MiB, each a range of one shard. A task goes through its
// range in chunks: fill a buffer from the sources, hash it, write it. Tasks write disjoint ranges, so the
// bytes do not depend on the number of threads; private memory is one buffer per thread, whatever the model's
// size.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/observer.h"
#include "checkpoint/checkpoint.h"
#include "engine/chunk_edit.h"
#include "options/value_types.h"
#include "output/journal.h"
#include "plan/plan.h"

namespace tenon {

struct EngineOptions {
  /// 0: as many as the machine has.
  int threads = 0;
  HashKind hash = HashKind::kXxh3;
  /// fsync every file before it counts as finished.
  bool sync = true;
  /// What progress calls it.
  std::string stage;
  /// Of an earlier run and verified: not written again.
  std::vector<FinishedShard> finished;
  /// Where complete shards are recorded.
  ShardLog* log = nullptr;
  /// What is computed into outputs on the way; nullptr: they are copies.
  const ChunkEdit* edit = nullptr;
};

struct EngineResult {
  /// Parallel to Checkpoint::tensors, empty where a tensor was not read.
  std::vector<TensorHash> source_hashes;
  /// Parallel to Plan::outputs.
  std::vector<TensorHash> output_hashes;
  /// kSha256: shard's name -> hash.
  std::map<std::string, std::string> shard_hashes;
  std::uint64_t bytes_written = 0;
  /// False: the file system cannot, so that a full disk shows only while writing.
  bool space_reserved = true;
};

/// Writes every shard of the plan into `folder` (which exists); progress counts the output's bytes. Throws
/// SystemError (disk full, I/O), UserError where the source changed under way, Interrupted within a chunk of
/// the observer's word; of several failures the first in the plan's order.
EngineResult execute(const Plan& plan, const Checkpoint& source, const std::filesystem::path& folder,
                     const EngineOptions& options, Observer& observer = nobody());

}  // namespace tenon
