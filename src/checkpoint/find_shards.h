// Which files of a folder make up its checkpoint, and which lie beside it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/diagnostics.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/index.h"

namespace tenon {

struct FoundShards {
  /// file names in the folder, sorted
  std::vector<std::string> names;
  /// "" without an index
  std::string index_name;
  /// of `names`
  std::optional<ShardIndex> index;
  /// .safetensors files and indexes that are no part of it
  std::vector<std::string> others;
};

/// Throws UserError where the folder holds no checkpoint, or more than one that could be meant. Files that
/// the index lists may be absent. Stale files are a warning.
FoundShards find_shards(const std::filesystem::path& folder, const OpenOptions& how, Diagnostics& warnings);

/// Does the file, links followed, lie in the folder? The download cache of the hubs links a snapshot's files
/// into `blobs` beside `snapshots`; those count as inside. A link to nothing does not.
bool stays_inside(const std::filesystem::path& folder, const std::filesystem::path& file);

/// Throws UserError where it does not, and links are not to be followed, or it leads to nothing.
void require_inside(const std::filesystem::path& folder, const std::filesystem::path& file,
                    bool follow_links);

}  // namespace tenon
