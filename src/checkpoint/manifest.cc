#include "checkpoint/manifest.h"

#include <fmt/format.h>

#include <iterator>

namespace tenon {
namespace {

using nlohmann::ordered_json;

std::string quoted(const std::string& text) {
  return ordered_json(text).dump();
}

ordered_json to_json(const RuleRecord& rule) {
  ordered_json out = {
      {"name", rule.name}, {"hash", rule.hash}, {"family", rule.family}, {"chosen", rule.chosen}};
  if (!rule.path.empty()) out["path"] = rule.path;
  return out;
}

ordered_json to_json(const ConfigEdit& edit) {
  ordered_json out = {{"path", edit.path}};
  if (edit.before) out["before"] = *edit.before;
  if (edit.after) out["after"] = *edit.after;
  return out;
}

ordered_json to_json(const TensorRecord& tensor) {
  ordered_json out = {{"key", tensor.key},
                      {"dtype", name_of(tensor.dtype)},
                      {"shape", tensor.shape},
                      {"hash", tensor.hash.xxh3}};
  if (!tensor.hash.sha256.empty()) out["sha256"] = tensor.hash.sha256;
  if (tensor.file != 0) out["file"] = tensor.file;
  return out;
}

ordered_json to_json(const ShardRecord& shard) {
  ordered_json out = {{"name", shard.name}};
  if (shard.header) {
    out["header"] = *shard.header;
  } else {
    out["written_by"] = "safetensors";
    out["metadata"] = shard.metadata;
  }
  return out;
}

ordered_json to_json(const FileRecord& file) {
  ordered_json out = {{"name", file.name}, {"bytes", file.bytes}, {"hash", file.hash.xxh3}};
  if (!file.hash.sha256.empty()) out["sha256"] = file.hash.sha256;
  return out;
}

ordered_json to_json(const std::string& text) {
  return text;
}

// One element a line.
template <typename List>
std::string lines_of(const List& list) {
  std::string out = "[";
  for (const auto& element : list)
    fmt::format_to(std::back_inserter(out), "\n    {},", to_json(element).dump());
  if (!list.empty()) out.back() = '\n';
  return out + (list.empty() ? "]" : "  ]");
}

std::string lines_of(const std::vector<ordered_json>& list) {
  std::string out = "[";
  for (const auto& element : list) fmt::format_to(std::back_inserter(out), "\n    {},", element.dump());
  if (!list.empty()) out.back() = '\n';
  return out + (list.empty() ? "]" : "  ]");
}

template <typename Map>
std::string lines_of_map(const Map& map) {
  std::string out = "{";
  for (const auto& [key, value] : map) {
    fmt::format_to(std::back_inserter(out), "\n    {}: {},", quoted(key), ordered_json(value).dump());
  }
  if (!map.empty()) out.back() = '\n';
  return out + (map.empty() ? "}" : "  }");
}

std::string to_json(const AdapterRecord& adapter) {
  ordered_json edits = ordered_json::array();
  for (const ConfigEdit& edit : adapter.edits) edits.push_back(to_json(edit));
  return ordered_json{{"ranks", adapter.ranks},
                      {"parameters", adapter.parameters},
                      {"rows_are_inputs", adapter.rows_are_inputs},
                      {"absent", adapter.absent},
                      {"edits", edits},
                      {"config_before", adapter.config_before}}
      .dump();
}

std::string to_json(const MergeRecord& merged) {
  return ordered_json{{"config", merged.config}, {"tensors", merged.tensors}}.dump();
}

bool is_recorded(const Option& option, const Options& options) {
  const Recorded recorded = option.recorded_in_manifest();
  return recorded == Recorded::kAlways ||
         (recorded == Recorded::kIfGiven && !option.member.is_default(options));
}

// A flag as a boolean, a list as one, everything else as the text that the user wrote.
std::string to_json(const Option& option, const Options& options) {
  const auto texts = option.member.texts(options);
  if (option.member.arity == Arity::kFlag) return texts.front();
  if (option.member.arity == Arity::kList) return lines_of(texts);
  return quoted(texts.empty() ? "" : texts.front());
}

}  // namespace

std::string to_json_text(const Manifest& m) {
  std::string out = "{";
  const auto member = [&](std::string_view name, const std::string& value) {
    fmt::format_to(std::back_inserter(out), "{}\n  \"{}\": {}", out.size() == 1 ? "" : ",", name, value);
  };
  member("tenon_manifest", std::to_string(m.version));
  member("tenon_version", quoted(m.tenon_version));
  member("layout", quoted(std::string(name_of(m.layout))));
  member("rules", lines_of(m.rules));
  member("used_transforms", lines_of(m.used_transforms));
  if (m.version > 1) member("transforms", lines_of(m.transforms));
  if (!m.copies.empty()) member("copies", lines_of(m.copies));
  if (!m.drops.empty()) member("drops", lines_of(m.drops));
  if (!m.part.is_null()) member("part", m.part.dump());
  if (!m.base_model_prefix.empty()) member("base_model_prefix", quoted(m.base_model_prefix));
  if (!m.fused_keys.empty()) member("fused_keys", lines_of(m.fused_keys));
  member("part_sizes", lines_of_map(m.facts.part_sizes));
  member("transposed", lines_of_map(m.facts.transposed));
  if (!m.facts.shapes.empty()) member("shapes", lines_of_map(m.facts.shapes));
  if (!m.facts.dtypes.empty()) member("dtypes", lines_of_map(m.facts.dtypes));
  if (!m.facts.twins.empty()) member("twins", lines_of_map(m.facts.twins));
  if (!m.names.kept.empty()) member("kept_names", lines_of_map(m.names.kept));
  if (!m.names.made.empty()) member("made_names", lines_of_map(m.names.made));
  if (!m.dropped.empty()) member("dropped", lines_of_map(m.dropped));
  if (!m.filled.empty()) member("filled", lines_of(m.filled));
  member("config_edits", lines_of(m.config_edits));
  if (m.config_before) member("config_before", quoted(*m.config_before));
  if (m.adapter) member("adapter", to_json(*m.adapter));
  if (m.merged) member("merged", to_json(*m.merged));
  member("plan_hash", quoted(m.plan_hash));
  for (const Option& option : all_options()) {
    if (is_recorded(option, m.options)) member(option.name, to_json(option, m.options));
  }
  if (!m.library.empty()) member("library", quoted(m.library));
  member("source", lines_of(m.source));
  member("output", lines_of(m.output));
  if (!m.source_layout.shards.empty()) member("source_files", lines_of(m.source_layout.shards));
  if (!m.source_layout.index_name.empty()) member("source_index", quoted(m.source_layout.index_name));
  if (m.source_layout.index) member("source_index_text", quoted(*m.source_layout.index));
  member("files", lines_of_map(m.files));
  if (m.side_files) member("side_files", lines_of(*m.side_files));
  if (!m.before.is_null()) member("before", m.before.dump());
  if (!m.through.is_null()) member("through", m.through.dump());
  return out + "\n}\n";
}

int depth_of(const Manifest& manifest) {
  int depth = 1;
  const ordered_json* at = &manifest.before;
  while (at->is_object() && depth <= kMaxConversions) {
    ++depth;
    const auto found = at->find("before");
    if (found == at->end()) break;
    at = &*found;
  }
  return depth;
}

}  // namespace tenon
