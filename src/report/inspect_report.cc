#include "report/inspect_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "report/table.h"

namespace tenon {
namespace {

struct Sum {
  std::uint64_t tensors = 0;
  std::uint64_t elements = 0;
  std::uint64_t bytes = 0;

  void add(const Tensor& tensor) {
    ++tensors;
    elements += element_count(tensor.shape).value_or(0);
    bytes += tensor.bytes;
  }
};

std::map<DType, Sum> sums_by_dtype(const Checkpoint& checkpoint) {
  std::map<DType, Sum> sums;
  for (const auto& tensor : checkpoint.tensors) sums[tensor.dtype].add(tensor);
  return sums;
}

std::vector<Sum> sums_by_shard(const Checkpoint& checkpoint) {
  std::vector<Sum> sums(checkpoint.shards.size());
  for (const auto& tensor : checkpoint.tensors) sums[tensor.shard].add(tensor);
  return sums;
}

Sum total(const Checkpoint& checkpoint) {
  Sum sum;
  for (const auto& tensor : checkpoint.tensors) sum.add(tensor);
  return sum;
}

std::vector<const Tensor*> listed_tensors(const Checkpoint& checkpoint, const InspectOptions& options) {
  std::vector<const Tensor*> listed;
  if (!options.list_tensors) return listed;
  for (const auto& tensor : checkpoint.tensors) {
    if (options.keys.empty() || glob_matches(options.keys, tensor.key)) listed.push_back(&tensor);
  }
  return listed;
}

std::string file_name(const Checkpoint& checkpoint, std::uint32_t shard) {
  return checkpoint.shards[shard].path.filename().string();
}

std::string config_string(const Checkpoint& checkpoint, const char* name) {
  const auto found = checkpoint.config.find(name);
  return found != checkpoint.config.end() && found->is_string() ? found->get<std::string>() : "";
}

std::vector<std::string> architectures_of(const Checkpoint& checkpoint) {
  std::vector<std::string> names;
  const auto found = checkpoint.config.find("architectures");
  if (found == checkpoint.config.end() || !found->is_array()) return names;
  for (const auto& name : *found) {
    if (name.is_string()) names.push_back(name.get<std::string>());
  }
  return names;
}

void write_tensors(const Checkpoint& checkpoint, const std::vector<const Tensor*>& tensors,
                   const TextSink& out) {
  const auto cells_of = [&](std::size_t i) -> std::vector<std::string> {
    const Tensor& tensor = *tensors[i];
    return {tensor.key, std::string(name_of(tensor.dtype)), to_string(tensor.shape),
            human_bytes(tensor.bytes), file_name(checkpoint, tensor.shard)};
  };
  write_table({{"tensor"}, {"dtype"}, {"shape"}, {"size", Align::kRight}, {"shard"}}, tensors.size(),
              cells_of, out);
  out("\n");
}

std::string dtypes_text(const Checkpoint& checkpoint) {
  Table table({{"dtype"}, {"tensors", Align::kRight}, {"elements", Align::kRight}, {"size", Align::kRight}});
  for (const auto& [dtype, sum] : sums_by_dtype(checkpoint)) {
    table.add({std::string(name_of(dtype)), std::to_string(sum.tensors), std::to_string(sum.elements),
               human_bytes(sum.bytes)});
  }
  return table.text() + "\n";
}

std::string shards_text(const Checkpoint& checkpoint) {
  Table table({{"shard"}, {"tensors", Align::kRight}, {"size", Align::kRight}});
  const auto sums = sums_by_shard(checkpoint);
  for (std::uint32_t i = 0; i < sums.size(); ++i) {
    table.add({file_name(checkpoint, i), std::to_string(sums[i].tensors), human_bytes(sums[i].bytes)});
  }
  return table.text() + "\n";
}

std::string origin_text(const Manifest& manifest) {
  std::vector<std::string> rules;
  for (const auto& rule : manifest.rules) rules.push_back(rule.name);
  return fmt::format("{} layout, made by tenon {} with {}", name_of(manifest.layout), manifest.tenon_version,
                     rules.empty() ? "no rules" : join_some(rules));
}

nlohmann::ordered_json origin_json(const Manifest& manifest) {
  auto rules = nlohmann::ordered_json::array();
  for (const auto& rule : manifest.rules) {
    rules.push_back({{"name", rule.name}, {"hash", rule.hash}, {"family", rule.family}});
  }
  return {{"tenon_version", manifest.tenon_version}, {"layout", name_of(manifest.layout)}, {"rules", rules}};
}

nlohmann::ordered_json tensor_json(const Checkpoint& checkpoint, const Tensor& tensor) {
  return {{"key", tensor.key},
          {"dtype", name_of(tensor.dtype)},
          {"shape", tensor.shape},
          {"bytes", tensor.bytes},
          {"shard", file_name(checkpoint, tensor.shard)},
          {"offset", tensor.offset}};
}

// Names of files may be no UTF-8.
std::string json_text(const nlohmann::ordered_json& document) {
  return document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

// The elements of a list that is a member of the document.
void write_elements(const Checkpoint& checkpoint, const std::vector<const Tensor*>& tensors,
                    const TextSink& out) {
  for (const Tensor* tensor : tensors) {
    std::string text = "\n" + json_text(tensor_json(checkpoint, *tensor));
    for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 5)
      text.insert(at + 1, 4, ' ');
    out(tensor == tensors.back() ? text + "\n  " : text + ",");
  }
}

}  // namespace

std::string model_of(const Checkpoint& checkpoint) {
  if (!checkpoint.has_config) return "unknown (no config.json)";
  const std::string type = config_string(checkpoint, "model_type");
  const std::string architectures = join_some(architectures_of(checkpoint));
  if (type.empty() && architectures.empty()) return "unknown (config.json does not say)";
  if (type.empty() || architectures.empty()) return type + architectures;
  return fmt::format("{} ({})", type, architectures);
}

void inspect_text(const Checkpoint& checkpoint, const InspectOptions& options, const TextSink& sink) {
  const Sum sum = total(checkpoint);
  const auto listed = listed_tensors(checkpoint, options);
  if (options.list_tensors) write_tensors(checkpoint, listed, sink);
  std::string out = dtypes_text(checkpoint) + shards_text(checkpoint);
  out += fmt::format("model       {}\n", visible(model_of(checkpoint)));
  if (checkpoint.manifest) out += fmt::format("origin      {}\n", visible(origin_text(*checkpoint.manifest)));
  std::vector<std::string> beside;
  for (const auto& file : checkpoint.side_files) beside.push_back(file.string());
  if (!beside.empty()) out += fmt::format("side files  {}\n", visible(join_some(beside, 8)));
  out += fmt::format("total       {} tensor{}, {} elements, {} in {} shard{}\n", sum.tensors,
                     sum.tensors == 1 ? "" : "s", sum.elements, human_bytes(sum.bytes),
                     checkpoint.shards.size(), checkpoint.shards.size() == 1 ? "" : "s");
  if (listed.size() < checkpoint.tensors.size() && options.list_tensors) {
    out += fmt::format("listed      {} of them match '{}'\n", listed.size(), visible(options.keys));
  }
  sink(out);
}

void inspect_json(const Checkpoint& checkpoint, const InspectOptions& options, const TextSink& sink) {
  const Sum sum = total(checkpoint);
  nlohmann::ordered_json out;
  out["directory"] = checkpoint.directory.string();
  out["model_type"] = config_string(checkpoint, "model_type");
  out["architectures"] = architectures_of(checkpoint);
  out["origin"] = checkpoint.manifest ? origin_json(*checkpoint.manifest) : nlohmann::ordered_json(nullptr);
  out["total"] = {{"tensors", sum.tensors}, {"elements", sum.elements}, {"bytes", sum.bytes}};
  out["dtypes"] = nlohmann::ordered_json::array();
  for (const auto& [dtype, by_dtype] : sums_by_dtype(checkpoint)) {
    out["dtypes"].push_back({{"dtype", name_of(dtype)},
                             {"tensors", by_dtype.tensors},
                             {"elements", by_dtype.elements},
                             {"bytes", by_dtype.bytes}});
  }
  out["shards"] = nlohmann::ordered_json::array();
  const auto sums = sums_by_shard(checkpoint);
  for (std::uint32_t i = 0; i < sums.size(); ++i) {
    out["shards"].push_back({{"file", file_name(checkpoint, i)},
                             {"tensors", sums[i].tensors},
                             {"bytes", checkpoint.shards[i].size},
                             {"metadata", checkpoint.shards[i].metadata}});
  }
  out["side_files"] = nlohmann::ordered_json::array();
  for (const auto& file : checkpoint.side_files) out["side_files"].push_back(file.string());
  std::string text = json_text(out);
  if (options.list_tensors) {
    text.erase(text.rfind("\n}"));
    sink(text + ",\n  \"tensors\": [");
    write_elements(checkpoint, listed_tensors(checkpoint, options), sink);
    text = "]\n}";
  }
  sink(text + "\n");
}

}  // namespace tenon
