// Shards, headers and offsets: where each output tensor will stand. After this every byte's place is fixed,
// before a file is opened.
#pragma once

#include <cstdint>

#include "checkpoint/checkpoint.h"
#include "plan/plan.h"
#include "tensor/view.h"

namespace tenon {

/// Distributes the plan's outputs over shards of at most `max_shard_size` bytes (a larger tensor stands
/// alone), in natural order, and writes headers and index. `single_file`: one model.safetensors whatever its
/// size.
/// On the way back, with a manifest that knows how the source's tensors lay and all of them come back, they
/// lie there again, in files that are the same byte for byte; `as_given` says that another size was asked
/// for. Names begin as the source's do.
void lay_out(const Checkpoint& source, std::uint64_t max_shard_size, bool single_file, bool as_given,
             Plan& plan);

/// Do all elements go from whole bytes to whole bytes?
bool moves_whole_bytes(const View& view);

}  // namespace tenon
