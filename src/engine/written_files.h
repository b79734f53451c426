// Shards that were written before, looked at again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "checkpoint/checkpoint.h"
#include "plan/plan.h"

namespace tenon {

/// Path, size and modification time as they are now. Throws SystemError.
ShardFile examine(const std::filesystem::path& path);

/// What differs between a shard's size and header and the plan's, in words; nothing where they agree.
std::optional<std::string> header_difference(const PlannedShard& shard, const std::filesystem::path& folder);

/// Asks the system to forget what it holds of a file in memory, so that reading it reads the disk. Only what
/// is on the disk already can be forgotten. Returns how many bytes it still holds; all where it does not say.
std::uint64_t forget_cached(const ShardFile& file);

}  // namespace tenon
