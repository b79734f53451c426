// The engine: carries out a plan. It knows no rules and no names, only ranges of bytes.
//
// The outputs are cut into tasks of some tens of MiB, each a range of one shard. A task goes through its
// range in chunks: fill a buffer from the sources, hash it, write it. Tasks write disjoint ranges, so the
// bytes do not depend on the number of threads; private memory is one buffer per thread, whatever the model's
// size.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/journal.h"
#include "plan/plan.h"

namespace tenon {

/// What hashes of tensors are made (engine/hash.h). kSha256 is both, and that of the shards as well.
enum class HashKind { kNone, kXxh3, kSha256 };

struct EngineOptions {
  int threads = 0;  // 0: as many as the machine has
  HashKind hash = HashKind::kXxh3;
  bool sync = true;  // fsync every file before it counts as finished
  std::function<void(std::uint64_t bytes_done)>
      progress;                             // now and then, from any thread, never concurrently
  const std::atomic<bool>* stop = nullptr;  // set by a signal: the engine stops within a chunk
  std::vector<FinishedShard> finished;      // of an earlier run and verified: not written again
  std::function<void(const FinishedShard&)> shard_finished;  // from any thread, never concurrently
};

struct EngineResult {
  std::vector<TensorHash>
      source_hashes;  // parallel to Checkpoint::tensors, empty where a tensor was not read
  std::vector<TensorHash> output_hashes;            // parallel to Plan::outputs
  std::map<std::string, std::string> shard_hashes;  // kSha256: shard's name -> hash
  std::uint64_t bytes_written = 0;
  bool space_reserved = true;  // false: the file system cannot, so that a full disk shows only while writing
};

/// The user wants no more of it.
class Interrupted : public std::exception {
 public:
  const char* what() const noexcept override { return "interrupted"; }
};

/// Writes every shard of the plan into `folder` (which exists). Throws SystemError (disk full, I/O),
/// UserError where the source changed under way, Interrupted where `stop` was set; of several failures the
/// first in the plan's order.
EngineResult execute(const Plan& plan, const Checkpoint& source, const std::filesystem::path& folder,
                     const EngineOptions& options);

}  // namespace tenon
