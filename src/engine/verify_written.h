// Proof after the fact: what was written, read again through the inverse of the plan and compared with the
// source.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "engine/engine.h"
#include "engine/written_difference.h"
#include "plan/plan.h"

namespace tenon {

/// What was found: at most one difference per shard as a whole and one per source tensor, in the source's
/// order; none: all is as it should be.
struct WrittenCheck {
  std::vector<WrittenDifference> differences;
  /// of the shards
  std::uint64_t bytes = 0;
  /// of those, what the system would not forget: not read from the disk
  std::uint64_t bytes_in_memory = 0;
};

/// Compares every byte that the plan moves with what stands in `folder`, and headers and sizes of the shards.
/// The shards are read from the disk, not from memory, as far as they are on it and the system can. `options`
/// give threads and the stage's name; progress counts the source's bytes. Throws as execute() does.
WrittenCheck verify_written(const Plan& plan, const Checkpoint& source, const std::filesystem::path& folder,
                            const EngineOptions& options, Observer& observer = nobody());

}  // namespace tenon
