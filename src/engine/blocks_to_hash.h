// Which blocks of the sources have to be read for their hashes alone.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/hash_records.h"
#include "engine/transfer.h"

namespace tenon {

/// By source, the blocks that are to be hashed but do not pass as they are on their way into a shard that is
/// `wanted`: gathered element by element, or copied in parts.
std::vector<std::vector<std::uint64_t>> blocks_that_do_not_pass(const Transfer& transfer,
                                                                const std::vector<bool>& wanted,
                                                                const HashRecords& records);

}  // namespace tenon
