#include "rules/model_part.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "rules/language/expression.h"
#include "rules/operations/parameter.h"
#include "rules/yaml_json.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kInserts = "inserts";
constexpr const char* kRule = "rule";

bool any_matches(const std::vector<std::string>& globs, std::string_view key) {
  return std::any_of(globs.begin(), globs.end(), [&](const auto& glob) { return glob_matches(glob, key); });
}

// 3 of "model.layers.3.mlp" below "model.layers".
std::optional<std::int64_t> item_number(std::string_view key, const std::string& list) {
  if (!key.starts_with(list + ".")) return std::nullopt;
  key.remove_prefix(list.size() + 1);
  return as_index(key.substr(0, key.find('.')));
}

std::string escaped(const std::string& path) {
  std::string out;
  for (const char c : path) {
    if (c == '.') out += '\\';
    out += c;
  }
  return out;
}

std::optional<Number> number(const YamlFile& yaml, MapReader& reader, const std::string& key) {
  const YAML::Node node = reader.take(key);
  if (!node.IsDefined()) return std::nullopt;
  auto read = ParameterReader(yaml, reader, yaml.place(node)).whole_numbers(key, 1);
  if (read.empty()) return std::nullopt;
  if (read.front().value && *read.front().value < 0)
    reader.error("rules-malformed"_id, node, fmt::format("'{}' counts from 0", key));
  return std::move(read.front());
}

Json number_json(const Number& n) {
  return n.value ? Json(*n.value) : Json(n.text);
}

}  // namespace

bool ModelPart::holds(std::string_view key) const {
  if (any_matches(except, key)) return false;
  const bool below_module = key == module || key.starts_with(module + ".");
  if (!from && !below) return below_module || any_matches(keys, key);
  const auto item = item_number(key, module);
  if (!item) return any_matches(keys, key);
  return *item >= first() && (!below || !below->value || *item < *below->value);
}

ModelPart parse_model_part(const YamlFile& yaml, const YAML::Node& node, bool inserts, std::string rule,
                           Diagnostics& diagnostics) {
  MapReader reader(yaml, node, inserts ? "insert" : "extract", diagnostics);
  ModelPart out;
  out.inserts = inserts;
  out.rule = std::move(rule);
  out.place = yaml.place(node);
  reader.require("module");
  out.module = reader.text("module");
  out.name = reader.text("as", out.module);
  out.from = number(yaml, reader, "from");
  out.below = number(yaml, reader, "below");
  out.keys = reader.texts("keys");
  out.except = reader.texts("except");
  out.config = reader.text("config", ".");
  out.keep = reader.texts("keep");
  const YAML::Node set = reader.take("set");
  if (set.IsDefined() && !set.IsMap())
    reader.error("rules-malformed"_id, set, "'set' maps dotted paths of config.json to values");
  if (set.IsDefined() && set.IsMap()) {
    for (const auto& entry : set) out.set.emplace_back(entry.first.Scalar(), json_of(entry.second));
  }
  for (const std::string* const name : {&out.module, &out.name}) {
    const bool plain = std::all_of(name->begin(), name->end(), [](char c) {
      return c == '.' || c == '_' || c == '-' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
             (c >= 'A' && c <= 'Z');
    });
    if (node.IsMap() && reader.take("module").IsDefined() && (name->empty() || !plain))
      reader.error("rules-malformed"_id, node, "'module' and 'as' are paths of modules, without patterns");
  }
  reader.finish();
  return out;
}

void resolve(ModelPart& part, const Json& config, Diagnostics& diagnostics) {
  const NumberResolver resolver{config, diagnostics};
  if (part.from) resolver.evaluate(*part.from, 0);
  if (part.below) resolver.evaluate(*part.below, 0);
  for (auto& [path, value] : part.set) {
    if (!value.is_string() || !is_expression(value.get_ref<const std::string&>())) continue;
    try {
      value = evaluate(value.get<std::string>(), config, part.place);
    } catch (const UserError& e) {
      for (const auto& d : e.diagnostics()) diagnostics.add(d);
    }
  }
}

Json written(const ModelPart& part) {
  Json out = Json::object();
  out[kInserts] = part.inserts;
  out[kRule] = part.rule;
  out["module"] = part.module;
  out["as"] = part.name;
  if (part.from) out["from"] = number_json(*part.from);
  if (part.below) out["below"] = number_json(*part.below);
  out["keys"] = part.keys;
  out["except"] = part.except;
  out["config"] = part.config;
  out["keep"] = part.keep;
  out["set"] = Json::object();
  for (const auto& [path, value] : part.set) out["set"][path] = value;
  return out;
}

ModelPart model_part_of(const Json& json, const std::string& file, Diagnostics& diagnostics) {
  const Place place{file, 0, 0, {}, "/part", ""};
  const auto inserts = json.is_object() ? json.find(kInserts) : json.end();
  const auto rule = json.is_object() ? json.find(kRule) : json.end();
  if (!json.is_object() || inserts == json.end() || !inserts->is_boolean() || rule == json.end() ||
      !rule->is_string()) {
    diagnostics.error("manifest-malformed"_id, place, "is no part of a model");
    return {};
  }
  Json rest = json;
  for (const char* const own : {kInserts, kRule}) rest.erase(own);
  Diagnostics mistakes;
  ModelPart out;
  {
    const YamlFile yaml(rest.dump(-1, ' ', false, Json::error_handler_t::replace), file, mistakes);
    if (!mistakes.has_errors())
      out = parse_model_part(yaml, yaml.root(), inserts->get<bool>(), rule->get<std::string>(), mistakes);
  }
  for (const auto& d : mistakes.all()) diagnostics.error(d.id, place, d.message, d.hint);
  out.place = place;
  resolve(out, Json::object(), diagnostics);
  return out;
}

std::vector<Transform> renamings_of(const ModelPart& part, const std::vector<std::string>& keys,
                                    bool is_whole, int index) {
  std::vector<Transform> out;
  const auto add = [&](const std::string& in_whole, const std::string& in_part) {
    if (in_whole == in_part) return;
    Transform t;
    const std::string& from = part.inserts ? in_part : in_whole;
    const std::string& to = part.inserts ? in_whole : in_part;
    t.source_patterns = {"^" + escaped(from) + "\\."};
    t.target_patterns = {"^" + escaped(to) + "\\."};
    t.rule = part.rule;
    t.place = part.place;
    out.push_back(std::move(t));
  };
  const auto numbered = [&] {
    for (auto& t : out) t.index = index++;
    return std::move(out);
  };
  const std::int64_t first = part.first();
  if (first == 0) {
    add(part.module, part.name);
    return numbered();
  }
  // By the number of each item in the part.
  std::set<std::int64_t> items;
  for (const auto& key : keys) {
    const auto number = item_number(key, is_whole ? part.module : part.name);
    if (number && (!is_whole || part.holds(key))) items.insert(is_whole ? *number - first : *number);
  }
  for (const std::int64_t item : items)
    add(fmt::format("{}.{}", part.module, item + first), fmt::format("{}.{}", part.name, item));
  // Upwards out of the whole, downwards into it: no item meets the renaming of another.
  if (part.inserts) std::reverse(out.begin(), out.end());
  return numbered();
}

}  // namespace tenon
