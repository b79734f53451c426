#include "checkpoint/index.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "base/text.h"
#include "checkpoint/json_text.h"

namespace tenon {
namespace {

using nlohmann::ordered_json;

constexpr const char* kFetchAgain = "Fetch the index again from where the checkpoint came from.";

// What is wrong with the name of a shard, or "". Only a plain file name cannot leave the folder.
std::string_view defect_of_name(std::string_view name) {
  if (name.find_first_of("/\\:") != std::string_view::npos || name == ".." || name == ".") {
    return "is a path; shards lie beside the index";
  }
  if (std::any_of(name.begin(), name.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; })) {
    return "has a control character";
  }
  if (name.size() > 255) return "is longer than a file name may be";
  if (!name.ends_with(".safetensors") || name == ".safetensors") return "is no .safetensors file";
  return "";
}

std::optional<double> total_size_of(const ordered_json& document) {
  const auto metadata = document.find("metadata");
  if (metadata == document.end() || !metadata->is_object()) return std::nullopt;
  const auto total = metadata->find("total_size");
  if (total == metadata->end() || !total->is_number()) return std::nullopt;
  return total->get<double>();
}

// Keys with the same thing wrong with them, one message a group.
class Disagreements {
 public:
  void add(const std::string& what, const std::string& key) { keys_[what].push_back(shown(key)); }
  void report(const std::string& file, Diagnostics& diagnostics) const {
    for (const auto& [what, keys] : keys_) {
      diagnostics.error(
          "index-mismatch"_id, {file, 0, 0, {}, keys.front(), ""},
          keys.size() == 1 ? what : fmt::format("{} ({} tensors: {})", what, keys.size(), join_some(keys)),
          "The index is not that of these shards: fetch both again from one place.");
    }
  }

 private:
  std::map<std::string, std::vector<std::string>> keys_;
};

void add_absent(const ShardIndex& index, const std::vector<Tensor>& tensors, Disagreements& wrong) {
  std::set<std::string_view> present;
  for (const Tensor& tensor : tensors) present.insert(tensor.key);
  std::set<std::pair<std::string_view, std::uint32_t>> absent;
  for (const auto& [key, shard] : index.weight_map) {
    if (!present.contains(key)) absent.emplace(key, shard);
  }
  for (const auto& [key, shard] : absent) {
    wrong.add(fmt::format("is listed in {}, but no shard holds it", index.shards[shard]), std::string(key));
  }
}

}  // namespace

ShardIndex parse_index(std::string_view text, const std::string& file) {
  const ordered_json document = parse_json(text, file);
  if (!document.is_object()) {
    throw UserError("index-malformed"_id, {file, 0, 0, {}, "", ""}, "the index is not a JSON object",
                    kFetchAgain);
  }
  const auto weight_map = document.find("weight_map");
  if (weight_map == document.end() || !weight_map->is_object()) {
    throw UserError("index-malformed"_id, {file, 0, 0, {}, "/weight_map", ""},
                    "the index has no object 'weight_map'", kFetchAgain);
  }
  if (weight_map->empty()) {
    throw UserError("index-malformed"_id, {file, 0, 0, {}, "/weight_map", ""}, "the index lists no tensor",
                    kFetchAgain);
  }
  Diagnostics diagnostics;
  std::set<std::string> names;
  for (const auto& [key, name] : weight_map->items()) {
    const Place place{file, 0, 0, {}, "/weight_map/" + shown(key), ""};
    if (!name.is_string()) {
      diagnostics.error("index-malformed"_id, place, "the name of the shard is not a string", kFetchAgain);
    } else if (const auto& text_of_name = name.get_ref<const std::string&>();
               names.insert(text_of_name).second) {
      const std::string_view defect = defect_of_name(text_of_name);
      if (!defect.empty()) {
        diagnostics.error("index-shard-name"_id, place, fmt::format("'{}' {}", shown(text_of_name), defect),
                          "Put the shards beside the index, and write their plain names into it.");
      }
    }
  }
  diagnostics.throw_if_errors();

  ShardIndex index;
  index.total_size = total_size_of(document);
  index.shards.assign(names.begin(), names.end());
  index.weight_map.reserve(weight_map->size());
  for (const auto& [key, name] : weight_map->items()) {
    const auto shard =
        std::lower_bound(index.shards.begin(), index.shards.end(), name.get_ref<const std::string&>());
    index.weight_map.emplace(key, static_cast<std::uint32_t>(shard - index.shards.begin()));
  }
  return index;
}

void check_index(const ShardIndex& index, const std::vector<Tensor>& tensors, const std::string& file,
                 Diagnostics& diagnostics) {
  Disagreements wrong;
  double total = 0;
  std::size_t listed = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& tensor = tensors[i];
    total += static_cast<double>(tensor.bytes);
    const std::string& here = index.shards[tensor.shard];
    if (i > 0 && tensors[i - 1].key == tensor.key) {
      wrong.add(fmt::format("is in two shards, {} and {}", index.shards[tensors[i - 1].shard], here),
                tensor.key);
      continue;
    }
    const auto entry = index.weight_map.find(tensor.key);
    if (entry == index.weight_map.end()) {
      wrong.add(fmt::format("is in {}, but not listed", here), tensor.key);
      continue;
    }
    ++listed;
    const bool again = i + 1 < tensors.size() && tensors[i + 1].key == tensor.key;
    if (entry->second != tensor.shard && !again) {
      wrong.add(fmt::format("is listed in {}, but is in {}", index.shards[entry->second], here), tensor.key);
    }
  }
  if (listed < index.weight_map.size()) add_absent(index, tensors, wrong);
  wrong.report(file, diagnostics);
  if (index.total_size && *index.total_size != total) {
    diagnostics.warning(
        "index-total-size"_id, {file, 0, 0, {}, "/metadata/total_size", ""},
        fmt::format("states {:.0f} bytes, but the tensors take {:.0f}", *index.total_size, total));
  }
}

std::string index_text(const std::map<std::string, std::string>& weight_map, std::uint64_t total_size,
                       std::uint64_t total_parameters) {
  const nlohmann::json document = {
      {"metadata", {{"total_parameters", total_parameters}, {"total_size", total_size}}},
      {"weight_map", weight_map}};
  return document.dump(2, ' ', true) + "\n";
}

}  // namespace tenon
