#include "checkpoint/headers_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "checkpoint/config.h"
#include "checkpoint/file.h"
#include "checkpoint/header.h"
#include "checkpoint/json_text.h"
#include "checkpoint/key_ranges.h"
#include "checkpoint/natural_order.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kMark = "tenon_headers";
constexpr std::uint64_t kMaxFileBytes = 64'000'000;
constexpr std::size_t kMaxTensors = 1'000'000;
constexpr std::size_t kMaxDimensions = 64;

// Patterns of keys with one dtype and shape, in the order in which these appear.
Json patterns_of(const std::vector<const Tensor*>& tensors) {
  std::vector<std::string> kinds;
  std::map<std::string, std::vector<std::string>> keys;
  for (const Tensor* tensor : tensors) {
    const std::string kind = header_of(tensor->dtype, tensor->shape);
    const auto [found, is_new] = keys.try_emplace(kind);
    if (is_new) kinds.push_back(kind);
    found->second.push_back(tensor->key);
  }
  std::vector<std::pair<std::string, std::string>> lines;
  for (const std::string& kind : kinds) {
    for (std::string& pattern : key_patterns(keys[kind])) lines.emplace_back(std::move(pattern), kind);
  }
  std::sort(lines.begin(), lines.end(),
            [](const auto& a, const auto& b) { return natural_less(a.first, b.first); });
  Json out = Json::object();
  for (auto& [pattern, kind] : lines) out[pattern] = kind;
  return out;
}

// The reader of a file that somebody may have edited.
class HeadersReader {
 public:
  explicit HeadersReader(std::filesystem::path path) : path_(std::move(path)) {}

  Checkpoint read() {
    const Json document = parse_json(read_text_file(path_, kMaxFileBytes), path_.string());
    if (!document.is_object() || !document.contains(kMark))
      refuse("", "is no file of headers",
             "`tenon headers CHECKPOINT -o FILE.json` writes one; else give the folder.");
    if (document[kMark] != 1)
      refuse(kMark, "is of a form that this tenon does not read", "Use a newer tenon.");
    checkpoint_.path = path_;
    checkpoint_.directory = path_.has_parent_path() ? path_.parent_path() : ".";
    checkpoint_.headers_only = true;
    if (const auto config = document.find("config"); config != document.end() && !config->is_null()) {
      if (!config->is_object()) refuse("config", "is no object", "");
      checkpoint_.config = *config;
      checkpoint_.config_text = config->dump(2) + "\n";
      checkpoint_.has_config = true;
      checkpoint_.side_files = {"config.json"};
    }
    checkpoint_.index_name = text_at(document, "index");
    const auto shards = document.find("shards");
    if (shards == document.end() || !shards->is_array()) refuse("shards", "is no list", "");
    for (const Json& shard : *shards) read_shard(shard);
    std::sort(checkpoint_.tensors.begin(), checkpoint_.tensors.end(),
              [](const Tensor& a, const Tensor& b) { return natural_less(a.key, b.key); });
    for (std::size_t i = 1; i < checkpoint_.tensors.size(); ++i) {
      if (checkpoint_.tensors[i - 1].key == checkpoint_.tensors[i].key)
        refuse(checkpoint_.tensors[i].key, "is there twice", "");
    }
    checkpoint_.single_file = checkpoint_.shards.size() <= 1 && checkpoint_.index_name.empty();
    return std::move(checkpoint_);
  }

 private:
  [[noreturn]] void refuse(const std::string& inside, const std::string& what,
                           const std::string& hint) const {
    throw UserError("headers-malformed"_id, {path_.string(), 0, 0, {}, shown(inside), ""}, what,
                    hint.empty() ? "Write it anew: `tenon headers CHECKPOINT -o FILE.json`." : hint);
  }

  std::string text_at(const Json& object, const char* name) const {
    const auto found = object.find(name);
    if (found == object.end()) return "";
    if (!found->is_string()) refuse(name, "is no text", "");
    return *found;
  }

  void read_shard(const Json& shard) {
    if (!shard.is_object()) refuse("shards", "holds something that is no object", "");
    const std::string name = text_at(shard, "file");
    if (name.empty() || name.find('/') != std::string::npos) refuse("file", "is no name of a file", "");
    ShardFile file;
    file.path = checkpoint_.directory / name;
    if (const auto metadata = shard.find("metadata"); metadata != shard.end()) {
      if (!metadata->is_object()) refuse("metadata", "is no object", "");
      for (const auto& [key, value] : metadata->items()) {
        if (!value.is_string()) refuse("metadata", "holds something that is no text", "");
        file.metadata[key] = value;
      }
    }
    const auto tensors = shard.find("tensors");
    if (tensors == shard.end() || !tensors->is_object()) refuse("tensors", "is no object", "");
    std::vector<Tensor> all;
    for (const auto& [pattern, kind] : tensors->items()) read_pattern(pattern, kind, all);
    write_header(all, file.metadata, file.size);
    for (Tensor& tensor : all) {
      tensor.shard = static_cast<std::uint32_t>(checkpoint_.shards.size());
      checkpoint_.tensors.push_back(std::move(tensor));
    }
    checkpoint_.shards.push_back(std::move(file));
  }

  void read_pattern(const std::string& pattern, const Json& kind, std::vector<Tensor>& out) {
    Tensor tensor = described(pattern, kind);
    const std::size_t room = kMaxTensors - std::min(kMaxTensors, checkpoint_.tensors.size() + out.size());
    const auto keys = room == 0 ? std::vector<std::string>{} : keys_of_pattern(pattern, room);
    if (keys.empty())
      refuse(pattern, "stands for no keys, or for too many",
             fmt::format("A range is {{0..47}}; there may be {} tensors in all.", kMaxTensors));
    for (const std::string& key : keys) {
      tensor.key = key;
      out.push_back(tensor);
    }
  }

  // "BF16 [768, 2048]"
  Tensor described(const std::string& pattern, const Json& kind) const {
    const std::string text = kind.is_string() ? kind.get<std::string>() : "";
    const std::size_t space = text.find(' ');
    const auto dtype = parse_dtype(text.substr(0, space));
    const Json shape =
        space == std::string::npos ? Json() : Json::parse(text.substr(space + 1), nullptr, false);
    const bool is_shape = shape.is_array() && shape.size() <= kMaxDimensions &&
                          std::all_of(shape.begin(), shape.end(), [](const Json& extent) {
                            return extent.is_number_unsigned() && extent.get<std::uint64_t>() <= INT64_MAX;
                          });
    if (!dtype || !is_shape)
      refuse(pattern, "has no dtype and shape", "Write them as in \"BF16 [768, 2048]\".");
    Tensor out;
    out.dtype = *dtype;
    out.shape = shape.get<Shape>();
    const auto bytes = byte_size(out.dtype, out.shape);
    if (!bytes) refuse(pattern, "is larger than any tensor can be", "");
    out.bytes = *bytes;
    return out;
  }

  std::filesystem::path path_;
  Checkpoint checkpoint_;
};

}  // namespace

std::string headers_of(const Checkpoint& checkpoint) {
  std::vector<std::vector<const Tensor*>> by_shard(checkpoint.shards.size());
  for (const Tensor& tensor : checkpoint.tensors) by_shard[tensor.shard].push_back(&tensor);
  Json document = {{kMark, 1}, {"config", checkpoint.has_config ? checkpoint.config : Json()}};
  document["index"] = checkpoint.index_name;
  document["shards"] = Json::array();
  for (std::size_t i = 0; i < by_shard.size(); ++i) {
    Json shard = {{"file", checkpoint.shards[i].path.filename().string()}};
    if (!checkpoint.shards[i].metadata.empty()) shard["metadata"] = checkpoint.shards[i].metadata;
    shard["tensors"] = patterns_of(by_shard[i]);
    document["shards"].push_back(std::move(shard));
  }
  return document.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

bool may_be_headers(const std::filesystem::path& path) {
  std::error_code ignored;
  return path.extension() == ".json" && std::filesystem::is_regular_file(path, ignored);
}

Checkpoint read_headers(const std::filesystem::path& path) {
  return HeadersReader(path).read();
}

void require_tensors(const Checkpoint& checkpoint) {
  if (!checkpoint.headers_only) return;
  throw UserError(
      "headers-no-tensors"_id, place_of(checkpoint.path), "holds headers alone, no tensors",
      "Give the checkpoint itself; plan, explain, inspect, lint --against, rules scaffold and diff "
      "--headers need no more than headers.");
}

}  // namespace tenon
