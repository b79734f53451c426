// How a checkpoint's tensors lie in its files, as a manifest keeps it: enough to write the same files again,
// byte for byte.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tenon {

/// One shard. `header` is its JSON text where it is not what the safetensors library writes for these tensors
/// and this metadata; the tensors of the shard are those whose record names it.
struct ShardRecord {
  std::string name;
  std::map<std::string, std::string> metadata;
  std::optional<std::string> header;
};

struct SourceLayout {
  std::vector<ShardRecord> shards;
  /// "" where there is none
  std::string index_name;
  /// its text, where it is not what tenon writes
  std::optional<std::string> index;
};

}  // namespace tenon
