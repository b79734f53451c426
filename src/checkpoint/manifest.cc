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

template <typename Map>
std::string lines_of_map(const Map& map) {
  std::string out = "{";
  for (const auto& [key, value] : map) {
    fmt::format_to(std::back_inserter(out), "\n    {}: {},", quoted(key), ordered_json(value).dump());
  }
  if (!map.empty()) out.back() = '\n';
  return out + (map.empty() ? "}" : "  }");
}

}  // namespace

std::string_view name_of(Layout layout) {
  return layout == Layout::kOriginal ? "original" : "fused";
}

std::string to_json_text(const Manifest& m) {
  std::string out = "{";
  const auto member = [&](const char* name, const std::string& value) {
    fmt::format_to(std::back_inserter(out), "{}\n  \"{}\": {}", out.size() == 1 ? "" : ",", name, value);
  };
  member("tenon_manifest", std::to_string(kManifestVersion));
  member("tenon_version", quoted(m.tenon_version));
  member("layout", quoted(std::string(name_of(m.layout))));
  member("rules", lines_of(m.rules));
  member("used_transforms", lines_of(m.used_transforms));
  member("part_sizes", lines_of_map(m.part_sizes));
  member("transposed", lines_of_map(m.transposed));
  member("config_edits", lines_of(m.config_edits));
  if (m.config_before) member("config_before", quoted(*m.config_before));
  member("plan_hash", quoted(m.plan_hash));
  member("max_shard_size", quoted(m.max_shard_size));
  if (!m.assume_used.empty()) member("assume_used", lines_of(m.assume_used));
  if (!m.assume_layout.empty()) member("assume_layout", lines_of(m.assume_layout));
  if (m.one_way) member("one_way", "true");
  if (!m.library.empty()) member("library", quoted(m.library));
  member("source", lines_of(m.source));
  member("output", lines_of(m.output));
  member("files", lines_of_map(m.files));
  if (m.side_files) member("side_files", lines_of(*m.side_files));
  return out + "\n}\n";
}

}  // namespace tenon
