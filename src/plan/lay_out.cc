#include "plan/lay_out.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "base/text.h"
#include "checkpoint/header.h"
#include "checkpoint/header_reader.h"
#include "checkpoint/index.h"
#include "checkpoint/kept.h"
#include "checkpoint/record_layout.h"

namespace tenon {
namespace {

// Consecutive outputs, as many as fit.
std::vector<std::vector<std::uint32_t>> distribute(const std::vector<PlannedTensor>& outputs,
                                                   std::uint64_t limit, bool single) {
  std::vector<std::vector<std::uint32_t>> shards(1);
  std::uint64_t size = 0;
  for (std::uint32_t i = 0; i < outputs.size(); ++i) {
    if (is_kept(outputs[i].key)) continue;
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

// What is kept for the way back, in a file of its own.
std::vector<std::uint32_t> kept_among(const std::vector<PlannedTensor>& outputs) {
  std::vector<std::uint32_t> out;
  for (std::uint32_t i = 0; i < outputs.size(); ++i) {
    if (is_kept(outputs[i].key)) out.push_back(i);
  }
  return out;
}

// What the source's shards say of themselves ({"format": "pt"}); where they differ, the first.
std::map<std::string, std::string> metadata_of(const Checkpoint& source, Plan& plan) {
  std::map<std::string, std::string> out;
  for (std::size_t i = 0; i < source.own_shards(); ++i) {
    const ShardFile& shard = source.shards[i];
    for (const auto& [key, value] : shard.metadata) {
      const auto [at, fresh] = out.emplace(key, value);
      if (fresh || at->second == value) continue;
      plan.notes.push_back({Severity::kNote,
                            "header-metadata-differs"_id,
                            {shard.path.string(), 0, 0, {}, "__metadata__", ""},
                            fmt::format("'{}' is '{}' here and '{}' in another shard: the latter is kept",
                                        key, value, at->second),
                            ""});
    }
  }
  return out;
}

// Nobody wants shards of five bytes who writes 5.
void tell_of_small_shards(std::uint64_t limit, Plan& plan) {
  constexpr std::uint64_t kSmall = 10'000;
  if (limit >= kSmall || plan.shards.size() < 2) return;
  plan.notes.push_back({Severity::kWarning,
                        "plan-small-shards"_id,
                        {"--max-shard-size", 0, 0, {}, "", ""},
                        fmt::format("{} a shard: {} of them", human_bytes(limit), plan.shards.size()),
                        "A number without a unit is bytes: 5GB and 500MB have one."});
}

std::string shard_name(const std::string& stem, std::size_t i, std::size_t count) {
  return count == 1 ? stem + ".safetensors"
                    : fmt::format("{}-{:05}-of-{:05}.safetensors", stem, i + 1, count);
}

// The outputs of one shard as it was before it was converted, at the places that they had.
PlannedShard restored(const ShardRecord& record, std::vector<Tensor> tensors, const std::string& manifest,
                      std::vector<Tensor>& placed) {
  PlannedShard shard;
  shard.name = record.name;
  if (!record.header) {
    shard.header = write_header(tensors, record.metadata, shard.size);
    placed = std::move(tensors);
    return shard;
  }
  std::uint64_t length = record.header->size();
  shard.size = kHeaderPrefixBytes + length;
  for (const Tensor& tensor : tensors) shard.size += byte_size(tensor.dtype, tensor.shape).value_or(0);
  placed = parse_header(*record.header, shard.size, manifest).tensors;
  for (std::size_t i = 0; i < kHeaderPrefixBytes; ++i)
    shard.header += static_cast<char>(length >> (8 * i) & 0xFF);
  shard.header += *record.header;
  const auto by_key = [](const Tensor& a, const Tensor& b) { return a.key < b.key; };
  std::sort(placed.begin(), placed.end(), by_key);
  std::sort(tensors.begin(), tensors.end(), by_key);
  const bool same = std::equal(placed.begin(), placed.end(), tensors.begin(), tensors.end(),
                               [](const Tensor& a, const Tensor& b) {
                                 return a.key == b.key && a.dtype == b.dtype && a.shape == b.shape;
                               });
  if (!same)
    throw UserError("manifest-malformed"_id, {manifest, 0, 0, {}, "/source_files", ""},
                    fmt::format("the header of {} is not that of its tensors", record.name));
  return shard;
}

// The source's own tensors: what was filled in from another checkpoint lay in none of its files.
std::vector<const TensorRecord*> own_records(const Manifest& manifest) {
  const std::unordered_set<std::string> filled(manifest.filled.begin(), manifest.filled.end());
  std::vector<const TensorRecord*> out;
  for (const TensorRecord& record : manifest.source) {
    if (!filled.contains(record.key)) out.push_back(&record);
  }
  return out;
}

// Does the manifest say for each output in which file it was?
bool knows_files(const Manifest& manifest, const Plan& plan) {
  if (manifest.source_layout.shards.empty()) return false;
  const auto records = own_records(manifest);
  return std::equal(plan.outputs.begin(), plan.outputs.end(), records.begin(), records.end(),
                    [](const PlannedTensor& o, const TensorRecord* r) {
                      return o.key == r->key && o.view.dtype == r->dtype && o.view.shape == r->shape;
                    });
}

void restore_files(const Checkpoint& source, const Manifest& manifest, Plan& plan) {
  const std::string file = (source.directory / kManifestName).string();
  const SourceLayout& layout = manifest.source_layout;
  const auto records = own_records(manifest);
  std::vector<std::vector<Tensor>> tensors(layout.shards.size());
  std::unordered_map<std::string, std::uint32_t> output_of;
  std::map<std::string, std::string> weight_map;
  std::uint64_t total_size = 0;
  std::uint64_t total_parameters = 0;
  for (std::uint32_t i = 0; i < plan.outputs.size(); ++i) {
    const PlannedTensor& output = plan.outputs[i];
    const std::uint32_t shard = records[i]->file;
    tensors[shard].push_back({output.key, output.view.dtype, output.view.shape, 0, 0, 0});
    output_of.emplace(output.key, i);
    if (is_kept(output.key)) continue;
    weight_map.emplace(output.key, layout.shards[shard].name);
    total_size += output.bytes;
    total_parameters += element_count(output.view.shape).value_or(0);
  }
  for (std::uint32_t s = 0; s < layout.shards.size(); ++s) {
    std::vector<Tensor> placed;
    plan.shards.push_back(restored(layout.shards[s], std::move(tensors[s]), file, placed));
    for (const Tensor& tensor : placed) {
      PlannedTensor& output = plan.outputs[output_of.at(tensor.key)];
      output.shard = s;
      output.offset = tensor.offset;
      output.bytes = tensor.bytes;
    }
  }
  if (layout.index_name.empty()) return;
  plan.index_name = layout.index_name;
  plan.index_text = layout.index ? *layout.index : index_text(weight_map, total_size, total_parameters);
}

}  // namespace

bool moves_whole_bytes(const View& view) {
  const int bits = bits_of(view.dtype);
  if (bits % 8 == 0) return true;
  const std::vector<Piece> copies = copies_of(view);
  return std::all_of(copies.begin(), copies.end(), [&](const Piece& piece) {
    if (piece.source_offset * bits % 8 != 0 || piece.output_offset * bits % 8 != 0 || piece.loops.empty())
      return false;
    const Loop& run = piece.loops.back();
    if (run.source_stride != 1 || run.output_stride != 1 || run.extent * bits % 8 != 0) return false;
    return std::all_of(piece.loops.begin(), piece.loops.end() - 1, [&](const Loop& loop) {
      return loop.source_stride * bits % 8 == 0 && loop.output_stride * bits % 8 == 0;
    });
  });
}

void lay_out(const Checkpoint& source, std::uint64_t max_shard_size, bool single_file, bool as_given,
             Plan& plan) {
  if (!as_given && source.returns_to(plan.to) && knows_files(*source.manifest, plan)) {
    restore_files(source, *source.manifest, plan);
    return;
  }
  const std::string stem = stem_of(source);
  auto shards = distribute(plan.outputs, max_shard_size, single_file);
  const std::size_t count = shards.size();
  if (auto kept = kept_among(plan.outputs); !kept.empty()) shards.push_back(std::move(kept));
  const auto metadata = metadata_of(source, plan);
  std::map<std::string, std::string> weight_map;
  std::uint64_t total_size = 0;
  std::uint64_t total_parameters = 0;
  for (std::size_t s = 0; s < shards.size(); ++s) {
    PlannedShard shard;
    shard.name = s < count ? shard_name(stem, s, count) : kKeptFile;
    std::vector<Tensor> tensors;
    std::unordered_map<std::string, std::uint32_t> output_of;
    for (const std::uint32_t i : shards[s]) {
      const PlannedTensor& output = plan.outputs[i];
      tensors.push_back({output.key, output.view.dtype, output.view.shape, 0, 0, 0});
      output_of.emplace(output.key, i);
      if (s >= count) continue;
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
  if (as_given) tell_of_small_shards(max_shard_size, plan);
  if (count == 1) return;
  plan.index_name = stem + ".safetensors.index.json";
  plan.index_text = index_text(weight_map, total_size, total_parameters);
}

}  // namespace tenon
