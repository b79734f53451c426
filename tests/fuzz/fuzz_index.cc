// model.safetensors.index.json. What is accepted names plain files only, agrees with tensors that are where
// it says, and is the same again after it was written and read.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "checkpoint/index.h"
#include "checkpoint/natural_order.h"
#include "invariant.h"

using namespace tenon;
using fuzz::require;

namespace {

std::optional<ShardIndex> parsed(std::string_view text) {
  try {
    return parse_index(text, "fuzz.index.json");
  } catch (const UserError& error) {
    fuzz::require_useful(error);
    for (const Diagnostic& d : error.diagnostics())
      require(d.place.file == "fuzz.index.json", "the message names the file");
    return std::nullopt;
  }
}

// One tensor of a byte for each entry, where the index says.
std::vector<Tensor> tensors_of(const ShardIndex& index) {
  std::vector<Tensor> out;
  for (const auto& [key, shard] : index.weight_map) out.push_back({key, DType::kU8, {1}, shard, 0, 1});
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return natural_less(a.key, b.key); });
  return out;
}

bool agrees(const ShardIndex& index, const std::vector<Tensor>& tensors) {
  Diagnostics diagnostics;
  check_index(index, tensors, "fuzz.index.json", diagnostics);
  return !diagnostics.has_errors();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto index = parsed({reinterpret_cast<const char*>(data), size});
  if (!index) return 0;
  for (const std::string& name : index->shards) {
    require(name.find('/') == std::string::npos && name.ends_with(".safetensors"), "a shard is a plain file");
  }
  std::vector<Tensor> tensors = tensors_of(*index);
  require(agrees(*index, tensors), "an index agrees with the tensors that it lists");

  std::map<std::string, std::string> weight_map;
  for (const auto& [key, shard] : index->weight_map) weight_map[key] = index->shards.at(shard);
  const auto again = parsed(index_text(weight_map, 1, 1));
  require(again && again->shards == index->shards && again->weight_map == index->weight_map,
          "an index comes back as it was written");

  tensors.pop_back();
  require(!agrees(*index, tensors), "a tensor that is listed but absent is seen");
  return 0;
}
