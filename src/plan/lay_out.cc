#include "plan/lay_out.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "checkpoint/header.h"
#include "checkpoint/index.h"

namespace tenon {
namespace {

// Consecutive outputs, as many as fit.
std::vector<std::vector<std::uint32_t>> distribute(const std::vector<PlannedTensor>& outputs,
                                                   std::uint64_t limit, bool single) {
  std::vector<std::vector<std::uint32_t>> shards(1);
  std::uint64_t size = 0;
  for (std::uint32_t i = 0; i < outputs.size(); ++i) {
    const bool full = !single && !shards.back().empty() && size + outputs[i].bytes > limit;
    if (full) {
      shards.emplace_back();
      size = 0;
    }
    shards.back().push_back(i);
    size += outputs[i].bytes;
  }
  return shards;
}

// What the source's shards say of themselves ({"format": "pt"}); where they differ, the first.
std::map<std::string, std::string> metadata_of(const Checkpoint& source, Plan& plan) {
  std::map<std::string, std::string> out;
  for (const auto& shard : source.shards) {
    for (const auto& [key, value] : shard.metadata) {
      const auto [at, fresh] = out.emplace(key, value);
      if (fresh || at->second == value) continue;
      plan.notes.push_back({Severity::kNote,
                            "",
                            {shard.path.string(), 0, 0, {}, "__metadata__", ""},
                            fmt::format("'{}' is '{}' here and '{}' in another shard: the latter is kept",
                                        key, value, at->second),
                            ""});
    }
  }
  return out;
}

std::string shard_name(std::size_t i, std::size_t count) {
  return count == 1 ? kSingleFileName : fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, count);
}

}  // namespace

void lay_out(const Checkpoint& source, std::uint64_t max_shard_size, bool single_file, Plan& plan) {
  const auto shards = distribute(plan.outputs, max_shard_size, single_file);
  const auto metadata = metadata_of(source, plan);
  std::map<std::string, std::string> weight_map;
  std::uint64_t total_size = 0;
  std::uint64_t total_parameters = 0;
  for (std::size_t s = 0; s < shards.size(); ++s) {
    PlannedShard shard;
    shard.name = shard_name(s, shards.size());
    std::vector<Tensor> tensors;
    std::unordered_map<std::string, std::uint32_t> output_of;
    for (const std::uint32_t i : shards[s]) {
      const PlannedTensor& output = plan.outputs[i];
      tensors.push_back({output.key, output.view.dtype, output.view.shape, 0, 0, 0});
      output_of.emplace(output.key, i);
      weight_map.emplace(output.key, shard.name);
      total_size += output.bytes;
      total_parameters += element_count(output.view.shape).value_or(0);
    }
    shard.header = write_header(tensors, metadata, shard.size);
    for (const auto& tensor : tensors) {
      PlannedTensor& output = plan.outputs[output_of.at(tensor.key)];
      output.shard = static_cast<std::uint32_t>(s);
      output.offset = tensor.offset;
      output.bytes = tensor.bytes;
    }
    plan.shards.push_back(std::move(shard));
  }
  if (shards.size() > 1) plan.index_text = index_text(weight_map, total_size, total_parameters);
}

}  // namespace tenon
