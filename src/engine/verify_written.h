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

/// Compares every byte that the plan moves with what stands in `folder`, and headers and sizes of the shards.
/// At most one difference per shard as a whole and one per source tensor, in the source's order; none: all is
/// as it should be. With options.sync the outputs are on the disk already and are read from there, not from
/// memory, where the system can. `options` give threads, stop and progress too. Throws as execute() does.
std::vector<WrittenDifference> verify_written(const Plan& plan, const Checkpoint& source,
                                              const std::filesystem::path& folder,
                                              const EngineOptions& options);

}  // namespace tenon
