#include "rules/resolved_rules.h"

#include <fmt/format.h>

#include <memory>
#include <set>

#include "checkpoint/config.h"
#include "checkpoint/json_text.h"
#include "rules/language/expression.h"
#include "rules/language/yaml_reader.h"
#include "rules/parse_transform.h"
#include "rules/resolve.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxModules = 1'000'000;

// Of the members that a rule file has not.
constexpr const char* kKind = "kind";

Json written_transform(const Transform& t) {
  Json out = Json::object();
  if (t.kind == TransformKind::kPrefixChange) {
    if (t.prefix_to_add) out["prefix_to_add"] = *t.prefix_to_add;
    if (t.prefix_to_remove) out["prefix_to_remove"] = *t.prefix_to_remove;
    if (!t.model_prefix.empty()) out["model_prefix"] = t.model_prefix;
  } else {
    out["source_patterns"] = t.source_patterns;
    out["target_patterns"] = t.target_patterns;
  }
  if (t.kind == TransformKind::kWeightConverter) out["operations"] = t.written_operations;
  if (t.forward_only) out["forward_only"] = true;
  if (t.scope) {
    out["scope_prefix"] = t.scope->scope_prefix;
    if (!t.scope->base_model_prefix.empty()) out["base_model_prefix"] = t.scope->base_model_prefix;
  }
  return out;
}

Json json_of(const Transform& t, bool used) {
  Json out = {{"rule", t.rule}, {"index", t.index}, {kKind, name_of(t.kind)}};
  out.update(written_transform(t));
  if (!t.config_part.empty()) out["config"] = t.config_part;
  if (used) out["used"] = true;
  if (t.from_family) out["family"] = true;
  if (t.from_library) out["library"] = true;
  if (t.from_registry) out["registry"] = true;
  if (t.modules) out["modules"] = *t.modules;
  if (t.modules_stay) out["modules_stay"] = true;
  return out;
}

// Reads one transform of a manifest: its own members first, the others as a rule file's.
class TransformOfManifest {
 public:
  TransformOfManifest(const Json& json, const std::string& file, std::size_t index, const Json& config,
                      Diagnostics& diagnostics)
      : json_(json),
        place_{file, 0, 0, {}, fmt::format("/transforms/{}", index), ""},
        config_(config),
        diagnostics_(diagnostics) {}

  std::optional<Transform> read(bool& used) {
    if (!json_.is_object()) return wrong("is not an object");
    const std::string kind = text(kKind);
    Json rest = json_;
    for (const char* const own : {"rule", "index", kKind, "config", "used", "family", "library", "registry",
                                  "modules", "modules_stay"})
      rest.erase(own);
    const Json document = {{kind, rest}};
    Diagnostics mistakes;
    std::optional<Transform> t;
    {
      const YamlFile yaml(document.dump(-1, ' ', false, Json::error_handler_t::replace), place_.file,
                          mistakes);
      if (!mistakes.has_errors()) t = parse_transform(yaml, yaml.root(), mistakes);
    }
    for (const auto& d : mistakes.all()) diagnostics_.error(d.id, place_, d.message, d.hint);
    if (!t || mistakes.has_errors()) return std::nullopt;
    t->place = place_;
    t->source_places.clear();
    for (auto& operation : t->operations) operation.place = place_;
    t->rule = text("rule");
    const auto number = json_.find("index");
    const bool numbered = number != json_.end() && number->is_number_integer();
    if (!numbered || *number < 0 || *number > 100'000) return wrong("has no index");
    t->index = number->get<int>();
    t->config_part = text("config");
    t->from_family = flag("family");
    t->from_library = flag("library");
    t->from_registry = flag("registry");
    t->modules_stay = flag("modules_stay");
    used = flag("used");
    if (!read_modules(*t)) return wrong("its modules are no list of names");
    resolve(*t, part(t->config_part), diagnostics_);
    return t;
  }

 private:
  std::nullopt_t wrong(const char* what) {
    diagnostics_.error("manifest-malformed"_id, place_, what);
    return std::nullopt;
  }

  std::string text(const char* name) const {
    const auto found = json_.find(name);
    return found != json_.end() && found->is_string() ? found->get<std::string>() : "";
  }

  bool flag(const char* name) const {
    const auto found = json_.find(name);
    return found != json_.end() && found->is_boolean() && found->get<bool>();
  }

  bool read_modules(Transform& t) const {
    const auto found = json_.find("modules");
    if (found == json_.end()) return true;
    if (!found->is_array() || found->size() > kMaxModules) return false;
    std::set<std::string, std::less<>> modules;
    for (const auto& name : *found) {
      if (!name.is_string()) return false;
      modules.insert(name.get<std::string>());
    }
    t.modules = std::make_shared<const std::set<std::string, std::less<>>>(std::move(modules));
    return true;
  }

  // The part of config.json that the transform's file was about.
  const Json& part(const std::string& path) const {
    static const Json kNone = Json::object();
    const Json* node = &config_;
    for (std::size_t from = 0; !path.empty() && from <= path.size();) {
      const std::size_t end = std::min(path.find('.', from), path.size());
      const auto found = node->is_object() ? node->find(path.substr(from, end - from)) : node->end();
      if (!node->is_object() || found == node->end() || !found->is_object()) return kNone;
      node = &*found;
      from = end + 1;
    }
    return *node;
  }

  const Json& json_;
  Place place_;
  const Json& config_;
  Diagnostics& diagnostics_;
};

DropRule drop_of(const Json& json, const Place& place, Diagnostics& diagnostics) {
  DropRule out;
  out.place = place;
  const auto keys = json.is_object() ? json.find("keys") : json.end();
  if (!json.is_object() || keys == json.end() || !keys->is_array()) {
    diagnostics.error("manifest-malformed"_id, place, "is no drop rule");
    return out;
  }
  for (const auto& key : *keys) {
    if (key.is_string()) out.keys.push_back(key.get<std::string>());
  }
  if (const auto reason = json.find("reason"); reason != json.end() && reason->is_string())
    out.reason = reason->get<std::string>();
  if (const auto equals = json.find("equals"); equals != json.end() && equals->is_string())
    out.equals = equals->get<std::string>();
  return out;
}

CopyRule copy_of(const Json& json, const Place& place, Diagnostics& diagnostics) {
  const auto text = [&](const char* name) {
    const auto found = json.is_object() ? json.find(name) : json.end();
    return json.is_object() && found != json.end() && found->is_string() ? found->get<std::string>() : "";
  };
  CopyRule out{text("from"), text("to"), place};
  if (out.from.empty() || out.to.empty())
    diagnostics.error("manifest-malformed"_id, place, "is no copy rule");
  return out;
}

Json config_of(const Manifest& manifest) {
  if (!manifest.config_before) return Json::object();
  return parse_config(*manifest.config_before, "config.json");
}

}  // namespace

std::vector<Json> resolved_transforms(const RuleSet& rules, const std::vector<bool>& used) {
  std::vector<Json> out;
  for (std::size_t i = 0; i < rules.transforms.size(); ++i)
    out.push_back(json_of(rules.transforms[i], i < used.size() && used[i]));
  return out;
}

std::vector<Json> resolved_drops(const RuleSet& rules) {
  std::vector<Json> out;
  for (const auto& drop : rules.drops) {
    out.push_back({{"keys", drop.keys}, {"reason", drop.reason}});
    if (!drop.equals.empty()) out.back()["equals"] = drop.equals;
  }
  return out;
}

std::vector<Json> resolved_copies(const RuleSet& rules) {
  std::vector<Json> out;
  for (const auto& copy : rules.copies) out.push_back({{"from", copy.from}, {"to", copy.to}});
  return out;
}

RuleSet resolved_rules(const Manifest& manifest, const std::string& file) {
  RuleSet out;
  Diagnostics diagnostics;
  const Json config = config_of(manifest);
  out.used.emplace();
  for (std::size_t i = 0; i < manifest.transforms.size(); ++i) {
    bool used = false;
    auto t = TransformOfManifest(manifest.transforms[i], file, i, config, diagnostics).read(used);
    if (!t) continue;
    out.transforms.push_back(std::move(*t));
    out.used->push_back(used);
  }
  for (std::size_t i = 0; i < manifest.drops.size(); ++i)
    out.drops.push_back(
        drop_of(manifest.drops[i], {file, 0, 0, {}, fmt::format("/drops/{}", i), ""}, diagnostics));
  for (std::size_t i = 0; i < manifest.copies.size(); ++i)
    out.copies.push_back(
        copy_of(manifest.copies[i], {file, 0, 0, {}, fmt::format("/copies/{}", i), ""}, diagnostics));
  if (!manifest.part.is_null()) out.part = model_part_of(manifest.part, file, diagnostics);
  diagnostics.throw_if_errors();
  out.base_model_prefix = manifest.base_model_prefix;
  out.fused_keys = manifest.fused_keys;
  const bool fused = manifest.layout == Layout::kFused;
  for (const auto& edit : manifest.config_edits)
    out.config_changes.push_back({edit.path, fused ? edit.after : edit.before});
  for (const auto& record : manifest.rules) {
    RuleFile stub;
    stub.name = record.name;
    stub.hash = record.hash;
    stub.is_family = record.family;
    out.files.push_back(std::move(stub));
    if (record.chosen) out.chosen.push_back(record.name);
  }
  return out;
}

}  // namespace tenon
