#include "report/inspect_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/fields.h"
#include "base/text.h"
#include "report/diagnostics_json.h"
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

// What the totals are of.
struct DTypeSum {
  DType dtype;
  Sum sum;
};

struct ShardSum {
  std::string file;
  const ShardFile& shard;
  Sum sum;
};

struct ListedTensor {
  const Checkpoint& checkpoint;
  const Tensor& tensor;
};

// Everything but the list of tensors, which is written one by one.
struct Inspected {
  const Checkpoint& checkpoint;
};

// Names of files may be no UTF-8.
std::string json_text(const nlohmann::ordered_json& document) {
  return document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

template <>
struct FieldsOf<RuleRecord> {
  static std::vector<Field<RuleRecord>> fields() {
    return {
        field<RuleRecord>("name", &RuleRecord::name, "As --rules and --fuse take it"),
        field<RuleRecord>("hash", &RuleRecord::hash, "Of the bytes of the rule file"),
        field<RuleRecord>("family", &RuleRecord::family, "It is a fusion family"),
    };
  }
};

template <>
struct FieldsOf<Manifest> {
  static std::vector<Field<Manifest>> fields() {
    return {
        field<Manifest>("tenon_version", &Manifest::tenon_version, "The tenon that made it"),
        field<Manifest>(
            "layout", [](const Manifest& i) { return name_of(i.layout); }, "original or fused"),
        field<Manifest>("rules", &Manifest::rules, "The rule files that made it"),
    };
  }
};

template <>
struct FieldsOf<Sum> {
  static std::vector<Field<Sum>> fields() {
    return {
        field<Sum>("tensors", &Sum::tensors, "How many tensors"),
        field<Sum>("elements", &Sum::elements, "How many elements"),
        field<Sum>("bytes", &Sum::bytes, "Their bytes"),
    };
  }
};

template <>
struct FieldsOf<DTypeSum> {
  static std::vector<Field<DTypeSum>> fields() {
    return {
        field<DTypeSum>("dtype", &DTypeSum::dtype, "As safetensors names it"),
        field<DTypeSum>(
            "tensors", [](const DTypeSum& i) { return i.sum.tensors; }, "How many tensors"),
        field<DTypeSum>(
            "elements", [](const DTypeSum& i) { return i.sum.elements; }, "How many elements"),
        field<DTypeSum>(
            "bytes", [](const DTypeSum& i) { return i.sum.bytes; }, "Their bytes"),
    };
  }
};

template <>
struct FieldsOf<ShardSum> {
  static std::vector<Field<ShardSum>> fields() {
    return {
        field<ShardSum>("file", &ShardSum::file, "Its name"),
        field<ShardSum>(
            "tensors", [](const ShardSum& i) { return i.sum.tensors; }, "How many tensors"),
        field<ShardSum>(
            "bytes", [](const ShardSum& i) { return i.shard.size; }, "Of the whole file"),
        field<ShardSum>(
            "metadata", [](const ShardSum& i) { return i.shard.metadata; }, "As its header has it"),
    };
  }
};

template <>
struct FieldsOf<ListedTensor> {
  static std::vector<Field<ListedTensor>> fields() {
    return {
        field<ListedTensor>(
            "key", [](const ListedTensor& i) { return i.tensor.key; }, "Its name"),
        field<ListedTensor>(
            "dtype", [](const ListedTensor& i) { return i.tensor.dtype; }, "As safetensors names it"),
        field<ListedTensor>(
            "shape", [](const ListedTensor& i) { return i.tensor.shape; }, "Extents, outermost first"),
        field<ListedTensor>(
            "bytes", [](const ListedTensor& i) { return i.tensor.bytes; }, "Its size"),
        field<ListedTensor>(
            "shard", [](const ListedTensor& i) { return file_name(i.checkpoint, i.tensor.shard); },
            "The file that it stands in"),
        field<ListedTensor>(
            "offset", [](const ListedTensor& i) { return i.tensor.offset; },
            "Of its first byte in that file"),
    };
  }
};

template <>
struct FieldsOf<Inspected> {
  static std::vector<Field<Inspected>> fields() {
    return {
        field<Inspected>(
            "directory", [](const Inspected& i) { return i.checkpoint.directory.string(); }, "The folder"),
        field<Inspected>(
            "model_type", [](const Inspected& i) { return config_string(i.checkpoint, "model_type"); },
            "As config.json has it; empty: it does not"),
        field<Inspected>(
            "architectures", [](const Inspected& i) { return architectures_of(i.checkpoint); }, "Likewise"),
        field<Inspected>(
            "origin", [](const Inspected& i) { return OrNull<Manifest>{i.checkpoint.manifest}; },
            "How tenon made it; null: tenon did not"),
        field<Inspected>(
            "total", [](const Inspected& i) { return total(i.checkpoint); }, "Over all shards"),
        field<Inspected>(
            "dtypes",
            [](const Inspected& i) {
              std::vector<DTypeSum> sums;
              for (const auto& [dtype, sum] : sums_by_dtype(i.checkpoint)) sums.push_back({dtype, sum});
              return sums;
            },
            "The total by dtype"),
        field<Inspected>(
            "shards",
            [](const Inspected& i) {
              std::vector<ShardSum> all;
              const auto sums = sums_by_shard(i.checkpoint);
              for (std::uint32_t s = 0; s < sums.size(); ++s)
                all.push_back({file_name(i.checkpoint, s), i.checkpoint.shards[s], sums[s]});
              return all;
            },
            "The total by shard"),
        field<Inspected>(
            "side_files",
            [](const Inspected& i) {
              std::vector<std::string> names;
              for (const auto& file : i.checkpoint.side_files) names.push_back(file.string());
              return names;
            },
            "Files beside the shards, below the folder"),
        field<Inspected>(
            "tensors", [](const Inspected&) { return std::optional<std::vector<ListedTensor>>(); },
            "Every tensor in natural order, or those that --keys matches; absent with --summary"),
    };
  }
};

namespace {

// The elements of a list that is a member of the document.
void write_elements(const Checkpoint& checkpoint, const std::vector<const Tensor*>& tensors,
                    const TextSink& out) {
  for (const Tensor* tensor : tensors) {
    std::string text = "\n" + json_text(json_of(ListedTensor{checkpoint, *tensor}));
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
  nlohmann::ordered_json document = document_of(Inspected{checkpoint});
  document["warnings"] = warnings_json(checkpoint.warnings);
  std::string text = json_text(document);
  if (options.list_tensors) {
    text.erase(text.rfind("\n}"));
    sink(text + ",\n  \"tensors\": [");
    write_elements(checkpoint, listed_tensors(checkpoint, options), sink);
    text = "]\n}";
  }
  sink(text + "\n");
}

nlohmann::ordered_json inspect_schema() {
  return document_schema<Inspected>("tenon inspect --json");
}

}  // namespace tenon
