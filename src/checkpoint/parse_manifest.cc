#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <set>

#include "base/diagnostics.h"
#include "base/text.h"
#include "checkpoint/json_text.h"
#include "checkpoint/manifest.h"
#include "checkpoint/object_reader.h"

namespace tenon {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kMaxTransforms = 100'000;
constexpr std::size_t kMaxListed = 10'000;  // rules and edits of config.json
constexpr std::size_t kMaxSideFiles = 1'000'000;
constexpr std::int64_t kMaxShards = 1'000'000;

TensorRecord read_tensor(const ordered_json& element, const std::string& pointer, const std::string& file,
                         Diagnostics& diagnostics) {
  TensorRecord out;
  std::string dtype;
  ObjectReader reader(element, pointer, file, diagnostics);
  reader.read("key", out.key);
  reader.read("dtype", dtype);
  reader.read("shape", out.shape);
  reader.read("hash", out.hash.xxh3);
  if (reader.optional("sha256") != nullptr) reader.read("sha256", out.hash.sha256);
  if (reader.optional("file") != nullptr) {
    std::int64_t number = 0;
    reader.read("file", number);
    if (number < 0 || number > kMaxShards) reader.wrong("file", "is no number of a shard");
    out.file = static_cast<std::uint32_t>(number);
  }
  reader.refuse_others();
  if (const auto parsed = parse_dtype(dtype)) {
    out.dtype = *parsed;
  } else if (!dtype.empty()) {
    reader.wrong("dtype", fmt::format("unknown dtype '{}'", shown(dtype)));
  }
  if (std::any_of(out.shape.begin(), out.shape.end(), [](auto extent) { return extent < 0; }))
    reader.wrong("shape", "has a negative extent");
  return out;
}

RuleRecord read_rule(const ordered_json& element, const std::string& pointer, const std::string& file,
                     Diagnostics& diagnostics) {
  RuleRecord out;
  ObjectReader reader(element, pointer, file, diagnostics);
  reader.read("name", out.name);
  reader.read("hash", out.hash);
  reader.read("family", out.family);
  reader.read("chosen", out.chosen);
  if (reader.optional("path") != nullptr) reader.read("path", out.path);
  reader.refuse_others();
  return out;
}

ConfigEdit read_edit(const ordered_json& element, const std::string& pointer, const std::string& file,
                     Diagnostics& diagnostics) {
  ConfigEdit out;
  ObjectReader reader(element, pointer, file, diagnostics);
  reader.read("path", out.path);
  if (const auto* before = reader.optional("before")) out.before = *before;
  if (const auto* after = reader.optional("after")) out.after = *after;
  reader.refuse_others();
  return out;
}

// A plain path below the folder: a manifest must not make anybody read elsewhere.
bool stays_below(const std::string& name) {
  const std::filesystem::path path(name);
  return !name.empty() && name.find('\0') == std::string::npos && path.is_relative() && path.has_filename() &&
         path != "." && path.lexically_normal() == path && *path.begin() != "..";
}

bool is_plain_name(const std::string& name) {
  return stays_below(name) && name.find('/') == std::string::npos;
}

FileRecord read_file(const ordered_json& element, const std::string& pointer, const std::string& file,
                     Diagnostics& diagnostics) {
  FileRecord out;
  std::int64_t bytes = 0;
  ObjectReader reader(element, pointer, file, diagnostics);
  reader.read("name", out.name);
  reader.read("bytes", bytes);
  reader.read("hash", out.hash.xxh3);
  if (reader.optional("sha256") != nullptr) reader.read("sha256", out.hash.sha256);
  reader.refuse_others();
  if (bytes < 0) reader.wrong("bytes", "is negative");
  out.bytes = static_cast<std::uint64_t>(bytes);
  if (element.is_object() && !stays_below(out.name))
    reader.wrong("name", fmt::format("'{}' is no path below the folder", shown(out.name)));
  return out;
}

// The elements of a list that is not one of the long ones.
template <typename Record, typename Read>
void read_list(ObjectReader& reader, const char* name, const std::string& file, Diagnostics& diagnostics,
               std::vector<Record>& out, Read read, std::size_t most = kMaxListed) {
  const ordered_json* list = reader.optional(name);
  if (list == nullptr || !list->is_array()) return reader.wrong(name, "is no list");
  if (list->size() > most) {
    return reader.wrong(name, fmt::format("has {} elements, more than {}", list->size(), most));
  }
  for (const ordered_json& element : *list) {
    if (diagnostics.all().size() >= kMaxMistakes) diagnostics.throw_if_errors();
    out.push_back(read(element, fmt::format("/{}/{}", name, out.size()), file, diagnostics));
  }
}

// One option as manifest.cc writes it. An empty text is that of an option that was not given.
void read_option(ObjectReader& reader, const Option& option, Options& options) {
  const Recorded recorded = option.recorded_in_manifest();
  const std::string name(option.name);
  if (recorded == Recorded::kNever) return;
  if (recorded == Recorded::kIfGiven && reader.optional(name.c_str()) == nullptr) return;
  std::vector<std::string> texts;
  if (option.member.arity == Arity::kFlag) {
    bool on = false;
    reader.read(name.c_str(), on);
    texts = texts_of(on);
  } else if (option.member.arity == Arity::kList) {
    reader.read(name.c_str(), texts);
  } else {
    reader.read(name.c_str(), texts.emplace_back());
    std::erase(texts, "");
  }
  for (const std::string& text : texts) {
    if (const auto mistake = option.read(options, text))
      reader.wrong(name, fmt::format("{} {}", shown(mistake->message), mistake->hint));
  }
}

ShardRecord read_shard(const ordered_json& element, const std::string& pointer, const std::string& file,
                       Diagnostics& diagnostics) {
  ShardRecord out;
  ObjectReader reader(element, pointer, file, diagnostics);
  reader.read("name", out.name);
  if (reader.optional("header") != nullptr) {
    reader.read("header", out.header.emplace());
  } else {
    std::string writer;
    reader.read("written_by", writer);
    if (!writer.empty() && writer != "safetensors")
      reader.wrong("written_by", fmt::format("'{}' is no writer that tenon knows", shown(writer)));
    reader.read("metadata", out.metadata);
  }
  reader.refuse_others();
  if (element.is_object() && (!is_plain_name(out.name) || !out.name.ends_with(".safetensors")))
    reader.wrong("name", fmt::format("'{}' is no name of a .safetensors file", shown(out.name)));
  return out;
}

void read_source_layout(ObjectReader& reader, const std::string& file, Diagnostics& diagnostics,
                        Manifest& m) {
  SourceLayout& layout = m.source_layout;
  if (reader.optional("source_files") != nullptr)
    read_list(reader, "source_files", file, diagnostics, layout.shards, read_shard, kMaxShards);
  if (reader.optional("source_index") != nullptr) {
    reader.read("source_index", layout.index_name);
    if (!is_plain_name(layout.index_name) || !layout.index_name.ends_with(".safetensors.index.json"))
      reader.wrong("source_index", fmt::format("'{}' is no name of an index", shown(layout.index_name)));
  }
  if (reader.optional("source_index_text") != nullptr)
    reader.read("source_index_text", layout.index.emplace());
  std::set<std::string> names;
  for (const auto& shard : layout.shards) {
    if (!names.insert(shard.name).second)
      reader.wrong("source_files", fmt::format("'{}' is there twice", shown(shard.name)));
  }
  const auto beyond = [&](const TensorRecord& t) { return t.file != 0 && t.file >= layout.shards.size(); };
  if (std::any_of(m.source.begin(), m.source.end(), beyond))
    reader.wrong("source", "names a shard that source_files has not");
}

ordered_json any_json(const ordered_json& element, const std::string&, const std::string&, Diagnostics&) {
  return element;
}

// `adapter`: ranks and shapes are extents that a tensor may have.
AdapterRecord read_adapter(const ordered_json& element, const std::string& file, Diagnostics& diagnostics) {
  AdapterRecord out;
  ObjectReader reader(element, "/adapter", file, diagnostics);
  reader.read("ranks", out.ranks);
  reader.read("parameters", out.parameters);
  reader.read("rows_are_inputs", out.rows_are_inputs);
  reader.read("absent", out.absent);
  read_list(reader, "edits", file, diagnostics, out.edits, read_edit);
  reader.read("config_before", out.config_before);
  reader.refuse_others();
  const auto is_shape = [](const std::vector<std::int64_t>& extents) {
    return std::all_of(extents.begin(), extents.end(), [](auto extent) { return extent >= 0; }) &&
           element_count(extents).has_value();
  };
  for (const auto& [key, shape] : out.absent) {
    if (!is_shape(shape))
      reader.wrong("absent", fmt::format("'{}' has a shape that no tensor has", shown(key)));
  }
  for (const auto& [key, ranks] : out.ranks) {
    if (std::any_of(ranks.begin(), ranks.end(), [](auto rank) { return rank < 0 || rank > (1 << 20); }))
      reader.wrong("ranks", fmt::format("'{}' has a rank that no part has", shown(key)));
  }
  return out;
}

MergeRecord read_merged(const ordered_json& element, const std::string& file, Diagnostics& diagnostics) {
  MergeRecord out;
  ObjectReader reader(element, "/merged", file, diagnostics);
  reader.read("config", out.config);
  reader.read("tensors", out.tensors);
  reader.refuse_others();
  return out;
}

void read_rules(ObjectReader& reader, const std::string& file, Diagnostics& diagnostics, Manifest& m) {
  if (m.version > 1)
    read_list(reader, "transforms", file, diagnostics, m.transforms, any_json, kMaxTransforms);
  if (reader.optional("drops") != nullptr) read_list(reader, "drops", file, diagnostics, m.drops, any_json);
  if (reader.optional("copies") != nullptr)
    read_list(reader, "copies", file, diagnostics, m.copies, any_json);
  if (const auto* part = reader.optional("part")) m.part = *part;
  if (reader.optional("base_model_prefix") != nullptr) reader.read("base_model_prefix", m.base_model_prefix);
  if (reader.optional("fused_keys") != nullptr) reader.read("fused_keys", m.fused_keys);
}

void read_layout(ObjectReader& reader, Layout& out) {
  std::string layout;
  reader.read("layout", layout);
  if (layout == name_of(Layout::kOriginal)) {
    out = Layout::kOriginal;
  } else if (layout == name_of(Layout::kFused)) {
    out = Layout::kFused;
  } else if (!layout.empty()) {
    reader.wrong("layout", fmt::format("'{}' is neither 'original' nor 'fused'", shown(layout)));
  }
}

int require_version(const ordered_json& document, const std::string& file) {
  const Place place{file, 0, 0, {}, "/tenon_manifest", ""};
  if (!document.is_object() || !document.contains("tenon_manifest")) {
    throw UserError("manifest-malformed"_id, place, "this is no manifest of tenon's");
  }
  const ordered_json& version = document["tenon_manifest"];
  if (version.is_number_integer() && version >= kOldestManifestVersion && version <= kManifestVersion)
    return version.get<int>();
  throw UserError("manifest-version"_id, place,
                  fmt::format("this tenon reads manifests of versions {} to {}, not {}",
                              kOldestManifestVersion, kManifestVersion, shown(version.dump())));
}

void read_shapes(ObjectReader& reader, Diagnostics& diagnostics, Facts& facts) {
  reader.read("shapes", facts.shapes);
  for (const auto& [key, operations] : facts.shapes) {
    for (const auto& [place, shapes] : operations) {
      for (const Shape& shape : shapes) {
        if (diagnostics.all().size() >= kMaxMistakes) diagnostics.throw_if_errors();
        const bool negative = std::any_of(shape.begin(), shape.end(), [](auto extent) { return extent < 0; });
        if (negative || !element_count(shape))
          reader.wrong("shapes", fmt::format("'{}' has a shape that no tensor has", shown(key)));
      }
    }
  }
}

void read_dtypes(ObjectReader& reader, Facts& facts) {
  reader.read("dtypes", facts.dtypes);
  for (const auto& [key, operations] : facts.dtypes) {
    for (const auto& [place, names] : operations) {
      const bool known = std::all_of(names.begin(), names.end(),
                                     [](const std::string& name) { return parse_dtype(name).has_value(); });
      if (!known) return reader.wrong("dtypes", fmt::format("'{}' has an unknown dtype", shown(key)));
    }
  }
}

}  // namespace

Manifest parse_manifest(std::string_view text, const std::string& file) {
  Manifest m;
  Diagnostics diagnostics;
  // The two lists of tensors are long: each element is read when it is complete, and not kept.
  const auto take_tensor = [&](std::string_view list, const ordered_json& element) {
    if (list != "source" && list != "output") return false;
    auto& records = list == "source" ? m.source : m.output;
    records.push_back(read_tensor(element, fmt::format("/{}/{}", list, records.size()), file, diagnostics));
    if (diagnostics.all().size() >= kMaxMistakes) diagnostics.throw_if_errors();
    return true;
  };
  const ordered_json document = parse_json(text, file, take_tensor);
  m.version = require_version(document, file);

  ObjectReader reader(document, "", file, diagnostics);
  reader.optional("tenon_manifest");
  reader.read("tenon_version", m.tenon_version);
  read_layout(reader, m.layout);
  read_list(reader, "rules", file, diagnostics, m.rules, read_rule);
  reader.read("used_transforms", m.used_transforms);
  read_rules(reader, file, diagnostics, m);
  reader.read("part_sizes", m.facts.part_sizes);
  for (const auto& [key, extents] : m.facts.part_sizes) {
    if (diagnostics.all().size() >= kMaxMistakes) diagnostics.throw_if_errors();
    if (std::any_of(extents.begin(), extents.end(), [](auto extent) { return extent < 0; }))
      reader.wrong("part_sizes", fmt::format("'{}' has a negative extent", shown(key)));
  }
  reader.read("transposed", m.facts.transposed);
  if (reader.optional("shapes") != nullptr) read_shapes(reader, diagnostics, m.facts);
  if (reader.optional("dtypes") != nullptr) read_dtypes(reader, m.facts);
  if (reader.optional("twins") != nullptr) reader.read("twins", m.facts.twins);
  if (reader.optional("kept_names") != nullptr) reader.read("kept_names", m.names.kept);
  if (reader.optional("made_names") != nullptr) reader.read("made_names", m.names.made);
  if (reader.optional("dropped") != nullptr) reader.read("dropped", m.dropped);
  if (reader.optional("filled") != nullptr) reader.read("filled", m.filled);
  read_list(reader, "config_edits", file, diagnostics, m.config_edits, read_edit);
  if (reader.optional("config_before") != nullptr) reader.read("config_before", m.config_before.emplace());
  if (const auto* adapter = reader.optional("adapter")) m.adapter = read_adapter(*adapter, file, diagnostics);
  if (const auto* merged = reader.optional("merged")) m.merged = read_merged(*merged, file, diagnostics);
  reader.read("plan_hash", m.plan_hash);
  for (const Option& option : all_options()) read_option(reader, option, m.options);
  if (reader.optional("library") != nullptr) reader.read("library", m.library);
  for (const char* list : {"source", "output"}) {
    const ordered_json* tensors = reader.optional(list);
    if (tensors == nullptr || !tensors->is_array()) reader.wrong(list, "is no list");
  }
  read_source_layout(reader, file, diagnostics, m);
  reader.read("files", m.files);
  if (reader.optional("side_files") != nullptr)
    read_list(reader, "side_files", file, diagnostics, m.side_files.emplace(), read_file, kMaxSideFiles);
  if (const ordered_json* before = reader.optional("before")) {
    m.before = *before;
    if (!before->is_object()) reader.wrong("before", "is not an object");
    if (depth_of(m) > kMaxConversions)
      reader.wrong("before", fmt::format("more than {} conversions on top of each other", kMaxConversions));
  }
  if (const ordered_json* through = reader.optional("through")) {
    m.through = *through;
    if (!through->is_object() || through->contains("through")) reader.wrong("through", "is no first half");
  }
  reader.refuse_others();
  diagnostics.throw_if_errors();
  return m;
}

Manifest first_half_of(const Manifest& manifest, const std::string& file) {
  return parse_manifest(manifest.through.dump(), file);
}

}  // namespace tenon
