// Proof after the fact: what was written, read again through the inverse of the plan and compared with the
// source.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "engine/engine.h"
#include "plan/plan.h"

namespace tenon {

/// The first element of a source tensor that is not what the output holds in its place; or what is wrong with
/// a shard as a whole (`problem` is set, the rest is empty).
struct WrittenDifference {
  std::string shard;  // of the output
  std::string problem;
  std::string output_key;
  std::uint64_t output_element = 0;  // in row-major order
  std::string source_key;
  std::uint64_t source_element = 0;
  std::string written;   // "0x3f80"
  std::string expected;  // likewise
};

/// "model-00001-of-00002.safetensors: element 17 of 'a.weight' is 0x3f80; the source has 0x3f81 (element 5 of
/// 'b')"
std::string to_string(const WrittenDifference& difference);

/// What was found: at most one difference per shard as a whole and one per source tensor, in the source's
/// order; none: all is as it should be.
struct WrittenCheck {
  std::vector<WrittenDifference> differences;
  std::uint64_t bytes = 0;            // of the shards
  std::uint64_t bytes_in_memory = 0;  // of those, what the system would not forget: not read from the disk
};

/// Compares every byte that the plan moves with what stands in `folder`, and headers and sizes of the shards.
/// The shards are read from the disk, not from memory, as far as they are on it and the system can. `options`
/// give threads, stop and progress. Throws as execute() does.
WrittenCheck verify_written(const Plan& plan, const Checkpoint& source, const std::filesystem::path& folder,
                            const EngineOptions& options);

}  // namespace tenon
