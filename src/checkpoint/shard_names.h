// The names that shards have: "model-00001-of-00003.safetensors".
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tenon {

struct ShardName {
  /// "model"
  std::string stem;
  std::uint32_t number = 0;
  std::uint32_t count = 0;
};

/// Nothing where the name is no shard's of several.
std::optional<ShardName> parse_shard_name(std::string_view name);

/// Which of a folder's .safetensors files (sorted) are its shards, without an index: the one complete set of
/// numbered ones, else all. Throws UserError where a number of the set is missing, or where there are several
/// sets.
std::vector<std::string> shards_by_name(const std::vector<std::string>& names,
                                        const std::filesystem::path& folder);

}  // namespace tenon
