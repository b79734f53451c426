// Shards, headers and offsets: where each output tensor will stand. After this every byte's place is fixed,
// before a file is opened.
#pragma once

#include <cstdint>

#include "checkpoint/checkpoint.h"
#include "plan/plan.h"

namespace tenon {

/// Distributes the plan's outputs over shards of at most `max_shard_size` bytes (a larger tensor stands
/// alone), in natural order, and writes headers and index. `single_file`: one model.safetensors whatever its
/// size.
void lay_out(const Checkpoint& source, std::uint64_t max_shard_size, bool single_file, Plan& plan);

}  // namespace tenon
