#include "checkpoint/record_layout.h"

#include <algorithm>
#include <cstring>

#include "checkpoint/file.h"
#include "checkpoint/header.h"
#include "checkpoint/index.h"

namespace tenon {
namespace {

constexpr std::uint64_t kMaxIndexText = 64'000'000;
constexpr std::string_view kShardEnding = ".safetensors";
constexpr std::string_view kIndexEnding = ".safetensors.index.json";

bool are_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "model-00001-of-00002" -> "model"
std::string without_count(std::string stem) {
  const std::size_t of = stem.rfind("-of-");
  if (of == std::string::npos || !are_digits(std::string_view(stem).substr(of + 4))) return stem;
  const std::size_t dash = stem.rfind('-', of - 1);
  if (of == 0 || dash == std::string::npos || dash == 0) return stem;
  if (!are_digits(std::string_view(stem).substr(dash + 1, of - dash - 1))) return stem;
  return stem.substr(0, dash);
}

std::string stored_header(const ShardFile& shard) {
  const FileDescriptor file = open_for_reading(shard.path);
  std::string prefix(8, '\0');
  read_at(file, shard.path, 0, prefix);
  std::uint64_t length = 0;
  for (std::size_t i = 8; i-- > 0;) length = length << 8 | static_cast<unsigned char>(prefix[i]);
  if (length > kMaxHeaderBytes || length > shard.size)
    throw UserError("file-changed"_id, place_of(shard.path), "has changed since it was opened");
  std::string text(length, '\0');
  read_at(file, shard.path, 8, text);
  return text;
}

ShardRecord record_of_shard(const Checkpoint& checkpoint, std::uint32_t shard) {
  const ShardFile& file = checkpoint.shards[shard];
  ShardRecord out{file.path.filename().string(), file.metadata, std::nullopt};
  std::vector<Tensor> tensors;
  std::copy_if(checkpoint.tensors.begin(), checkpoint.tensors.end(), std::back_inserter(tensors),
               [&](const Tensor& t) { return t.shard == shard; });
  std::uint64_t size = 0;
  const std::string written = write_header(tensors, file.metadata, size);
  std::string text = stored_header(file);
  if (std::string_view(written).substr(8) != text) out.header = std::move(text);
  return out;
}

}  // namespace

SourceLayout source_layout(const Checkpoint& checkpoint) {
  SourceLayout out;
  for (std::uint32_t i = 0; i < checkpoint.own_shards(); ++i)
    out.shards.push_back(record_of_shard(checkpoint, i));
  if (checkpoint.index_name.empty()) return out;
  out.index_name = checkpoint.index_name;
  std::map<std::string, std::string> weight_map;
  std::uint64_t size = 0;
  std::uint64_t parameters = 0;
  for (const Tensor& tensor : checkpoint.tensors) {
    if (tensor.shard >= checkpoint.own_shards()) continue;
    weight_map.emplace(tensor.key, out.shards[tensor.shard].name);
    size += tensor.bytes;
    parameters += element_count(tensor.shape).value_or(0);
  }
  std::string text = read_text_file(checkpoint.directory / checkpoint.index_name, kMaxIndexText);
  if (text != index_text(weight_map, size, parameters)) out.index = std::move(text);
  return out;
}

std::string stem_of(const Checkpoint& checkpoint) {
  if (checkpoint.index_name.ends_with(kIndexEnding) && checkpoint.index_name.size() > kIndexEnding.size())
    return checkpoint.index_name.substr(0, checkpoint.index_name.size() - kIndexEnding.size());
  if (checkpoint.own_shards() != 1) return "model";
  const std::string name = checkpoint.shards.front().path.filename().string();
  if (!name.ends_with(kShardEnding) || name.size() == kShardEnding.size()) return "model";
  return without_count(name.substr(0, name.size() - kShardEnding.size()));
}

}  // namespace tenon
