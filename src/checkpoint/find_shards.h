// Which files of a folder make up its checkpoint, and which lie beside it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/diagnostics.h"
#include "checkpoint/index.h"

namespace tenon {

struct FoundShards {
  std::vector<std::string> names;   // file names in the folder, sorted
  std::string index_name;           // "" without an index
  std::optional<ShardIndex> index;  // of `names`
  std::vector<std::string> others;  // .safetensors files and indexes that are no part of it
};

/// Throws UserError where the folder holds no checkpoint, or more than one that could be meant. Files that
/// the index lists may be absent. Stale files are a warning.
FoundShards find_shards(const std::filesystem::path& folder, Diagnostics& warnings);

/// Does the file, links followed, lie in the folder? The download cache of the hubs links a snapshot's files
/// into `blobs` beside `snapshots`; those count as inside. A link to nothing does not.
bool stays_inside(const std::filesystem::path& folder, const std::filesystem::path& file);

}  // namespace tenon
