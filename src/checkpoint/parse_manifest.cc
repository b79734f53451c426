#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>

#include "base/diagnostics.h"
#include "base/text.h"
#include "checkpoint/json_text.h"
#include "checkpoint/manifest.h"

namespace tenon {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kMaxMistakes = 20;
constexpr std::size_t kMaxListed = 10'000;  // rules and edits of config.json
constexpr std::size_t kMaxSideFiles = 1'000'000;

// Reads the members of one object. Mistakes are collected; members that nobody asked for are one.
class ObjectReader {
 public:
  ObjectReader(const ordered_json& object, std::string pointer, const std::string& file,
               Diagnostics& diagnostics)
      : object_(object), pointer_(std::move(pointer)), file_(file), diagnostics_(diagnostics) {
    if (!object.is_object()) wrong("", "is not an object");
  }

  /// The member, nullptr where it is absent.
  const ordered_json* optional(const char* name) {
    asked_.emplace_back(name);
    if (!object_.is_object()) return nullptr;
    const auto at = object_.find(name);
    return at == object_.end() ? nullptr : &*at;
  }

  template <typename Value>
  void read(const char* name, Value& out) {
    const ordered_json* member = optional(name);
    if (member == nullptr) {
      if (object_.is_object()) wrong(name, "is missing");
    } else if (!assign(*member, out)) {
      wrong(name, "is not of the right type");
    }
  }

  void refuse_others() {
    if (!object_.is_object()) return;
    for (const auto& [name, value] : object_.items()) {
      if (std::find(asked_.begin(), asked_.end(), name) == asked_.end()) {
        diagnostics_.error(place(name), "unknown key", did_you_mean(name, asked_));
        if (diagnostics_.all().size() >= kMaxMistakes) diagnostics_.throw_if_errors();
      }
    }
  }

  void wrong(const std::string& name, std::string message) {
    diagnostics_.error(place(name), std::move(message));
  }

 private:
  Place place(const std::string& name) const {
    const std::string inside = name.empty() ? pointer_ : pointer_ + "/" + shown(name);
    return {file_, 0, 0, {}, inside.empty() ? "/" : inside, ""};
  }

  static bool assign(const ordered_json& from, std::string& out) {
    if (from.is_string()) out = from.get<std::string>();
    return from.is_string();
  }
  static bool assign(const ordered_json& from, bool& out) {
    if (from.is_boolean()) out = from.get<bool>();
    return from.is_boolean();
  }
  static bool assign(const ordered_json& from, std::int64_t& out) {
    if (!from.is_number_integer()) return false;
    constexpr auto kLargest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (from.is_number_unsigned() && from.get<std::uint64_t>() > kLargest) return false;
    out = from.get<std::int64_t>();
    return true;
  }
  template <typename T>
  static bool assign(const ordered_json& from, std::vector<T>& out) {
    if (!from.is_array()) return false;
    for (const auto& element : from) {
      if (!assign(element, out.emplace_back())) return false;
    }
    return true;
  }
  template <typename T>
  static bool assign(const ordered_json& from, std::map<std::string, T>& out) {
    if (!from.is_object()) return false;
    for (const auto& [key, value] : from.items()) {
      if (!assign(value, out[key])) return false;
    }
    return true;
  }

  const ordered_json& object_;
  std::string pointer_;
  const std::string& file_;
  Diagnostics& diagnostics_;
  std::vector<std::string> asked_;
};

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

void require_version(const ordered_json& document, const std::string& file) {
  const Place place{file, 0, 0, {}, "/tenon_manifest", ""};
  if (!document.is_object() || !document.contains("tenon_manifest")) {
    throw UserError(place, "this is no manifest of tenon's");
  }
  if (document["tenon_manifest"] != kManifestVersion) {
    throw UserError(place, fmt::format("this tenon reads manifests of version {}, not {}", kManifestVersion,
                                       shown(document["tenon_manifest"].dump())));
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
  require_version(document, file);

  ObjectReader reader(document, "", file, diagnostics);
  reader.optional("tenon_manifest");
  reader.read("tenon_version", m.tenon_version);
  read_layout(reader, m.layout);
  read_list(reader, "rules", file, diagnostics, m.rules, read_rule);
  reader.read("used_transforms", m.used_transforms);
  reader.read("part_sizes", m.part_sizes);
  for (const auto& [key, extents] : m.part_sizes) {
    if (diagnostics.all().size() >= kMaxMistakes) diagnostics.throw_if_errors();
    if (std::any_of(extents.begin(), extents.end(), [](auto extent) { return extent < 0; }))
      reader.wrong("part_sizes", fmt::format("'{}' has a negative extent", shown(key)));
  }
  reader.read("transposed", m.transposed);
  read_list(reader, "config_edits", file, diagnostics, m.config_edits, read_edit);
  if (reader.optional("config_before") != nullptr) reader.read("config_before", m.config_before.emplace());
  reader.read("plan_hash", m.plan_hash);
  reader.read("max_shard_size", m.max_shard_size);
  if (reader.optional("assume_used") != nullptr) reader.read("assume_used", m.assume_used);
  if (reader.optional("assume_layout") != nullptr) reader.read("assume_layout", m.assume_layout);
  if (reader.optional("one_way") != nullptr) reader.read("one_way", m.one_way);
  if (reader.optional("library") != nullptr) reader.read("library", m.library);
  for (const char* list : {"source", "output"}) {
    const ordered_json* tensors = reader.optional(list);
    if (tensors == nullptr || !tensors->is_array()) reader.wrong(list, "is no list");
  }
  reader.read("files", m.files);
  if (reader.optional("side_files") != nullptr)
    read_list(reader, "side_files", file, diagnostics, m.side_files.emplace(), read_file, kMaxSideFiles);
  reader.refuse_others();
  diagnostics.throw_if_errors();
  return m;
}

}  // namespace tenon
