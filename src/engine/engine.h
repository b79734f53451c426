// The engine: carries out a plan. It knows no rules and no names, only ranges of bytes.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "plan/plan.h"

namespace tenon {

enum class HashKind { kNone, kXxh3, kSha256 };

struct EngineOptions {
  int threads = 0;  // 0: as many as the machine has
  HashKind hash = HashKind::kXxh3;
  bool sync = true;  // fsync every file before returning
  std::function<void(std::uint64_t bytes_done)>
      progress;                             // called now and then from any thread, never concurrently
  const std::atomic<bool>* stop = nullptr;  // set by a signal: the engine stops within a range
};

struct EngineResult {
  std::vector<std::string> source_hashes;  // parallel to Checkpoint::tensors, "" where a tensor was not read
  std::vector<std::string> output_hashes;  // parallel to Plan::outputs
  std::uint64_t bytes_written = 0;
};

/// Writes every shard of the plan into `folder` (which exists). Throws SystemError (disk full, I/O),
/// UserError where the source changed under way, Interrupted where `stop` was set.
EngineResult execute(const Plan& plan, const Checkpoint& source, const std::filesystem::path& folder,
                     const EngineOptions& options);

}  // namespace tenon
