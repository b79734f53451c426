// model.safetensors.index.json: which shard holds which tensor.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/diagnostics.h"
#include "checkpoint/tensor.h"

namespace tenon {

inline constexpr const char* kSingleFileName = "model.safetensors";
inline constexpr const char* kIndexName = "model.safetensors.index.json";

struct ShardIndex {
  /// names, sorted
  std::vector<std::string> shards;
  /// key -> index into `shards`
  std::unordered_map<std::string, std::uint32_t> weight_map;
  /// as stated, in bytes; publishers' figures may be wrong
  std::optional<double> total_size;
};

/// Parses an index. Throws UserError with every mistake: no weight_map, a value that is no string, a shard
/// name that is not a plain .safetensors file name.
ShardIndex parse_index(std::string_view text, const std::string& file);

/// Compares what the index says with the tensors that its shards hold, given in natural order
/// (`Tensor::shard` indexes `index.shards`). Every disagreement goes to `diagnostics`, grouped by shard; a
/// wrong total_size is a warning, since publishers get it wrong.
void check_index(const ShardIndex& index, const std::vector<Tensor>& tensors, const std::string& file,
                 Diagnostics& diagnostics);

/// The index as transformers writes it: metadata first, keys sorted, indented by two, ending in a newline.
std::string index_text(const std::map<std::string, std::string>& weight_map, std::uint64_t total_size,
                       std::uint64_t total_parameters);

}  // namespace tenon
