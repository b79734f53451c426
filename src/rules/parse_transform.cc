#include "rules/parse_transform.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "rules/operations/layout_operation.h"
#include "rules/parse_operation.h"
#include "rules/pattern.h"
#include "rules/yaml_json.h"

namespace tenon {
namespace {

const std::vector<std::pair<std::string, TransformKind>>& kinds() {
  static const std::vector<std::pair<std::string, TransformKind>> kKinds = {
      {"WeightRenaming", TransformKind::kWeightRenaming},
      {"GroupWeightRename", TransformKind::kGroupWeightRename},
      {"PrefixChange", TransformKind::kPrefixChange},
      {"WeightConverter", TransformKind::kWeightConverter}};
  return kKinds;
}

std::optional<TransformKind> kind_of(const std::string& name) {
  for (const auto& [known, kind] : kinds()) {
    if (known == name) return kind;
  }
  return std::nullopt;
}

void read_prefixes(MapReader& map, Transform& t) {
  t.prefix_to_add = map.optional_text("prefix_to_add");
  t.prefix_to_remove = map.optional_text("prefix_to_remove");
  t.model_prefix = map.text("model_prefix");
  if (t.prefix_to_add.has_value() == t.prefix_to_remove.has_value()) {
    map.error("rules-malformed"_id, map.node(),
              "a PrefixChange has exactly one of prefix_to_add and prefix_to_remove");
    return;
  }
  derive_prefix_patterns(t);
}

void read_operations(const YamlFile& yaml, MapReader& map, Transform& t, Diagnostics& diagnostics) {
  const YAML::Node list = map.take("operations");
  if (!list.IsDefined() || !list.IsSequence() || list.size() == 0) {
    map.error("rules-malformed"_id, list.IsDefined() ? list : map.node(),
              "a WeightConverter needs 'operations', a list of at least one");
    return;
  }
  t.written_operations = json_of(list);
  for (const auto& item : list) {
    if (auto operation = parse_operation(yaml, item, diagnostics))
      t.operations.push_back(std::move(*operation));
  }
}

void check_counts(MapReader& map, const Transform& t) {
  const std::size_t sources = t.source_patterns.size();
  const std::size_t targets = t.target_patterns.size();
  if (sources == 0)
    map.error("rules-malformed"_id, map.node(), fmt::format("{} needs 'source_patterns'", name_of(t.kind)));
  if (targets == 0)
    map.error("rules-malformed"_id, map.node(), fmt::format("{} needs 'target_patterns'", name_of(t.kind)));
  if (sources == 0 || targets == 0) return;
  if (t.kind == TransformKind::kWeightRenaming && targets != 1) {
    map.error("rules-pattern-count"_id, map.node(),
              fmt::format("a WeightRenaming of {} sources to {} targets", sources, targets),
              "Several sources are alternatives to one target; a group of pairs is a GroupWeightRename.");
  }
  if (t.kind == TransformKind::kGroupWeightRename && targets != sources) {
    map.error(
        "rules-pattern-count"_id, map.node(),
        fmt::format("a GroupWeightRename pairs its patterns: {} sources, {} targets", sources, targets));
  }
  if (t.kind == TransformKind::kWeightConverter && sources > 1 && targets > 1 &&
      !(t.operations.size() == 1 && t.operations[0]->row().arity.many_to_many()) &&
      std::none_of(t.operations.begin(), t.operations.end(),
                   [](const Operation& o) { return o->value_step() != nullptr; })) {
    map.error("rules-pattern-count"_id, map.node(),
              fmt::format("a WeightConverter of {} sources to {} targets", sources, targets),
              "Many-to-one and one-to-many are possible; many-to-many only with the two Ernie operations and "
              "with those that change values.");
  }
}

std::vector<Place> places_of(const YamlFile& yaml, const YAML::Node& texts) {
  std::vector<Place> out;
  if (texts.IsDefined() && texts.IsScalar()) out.push_back(yaml.place(texts));
  if (!texts.IsDefined() || !texts.IsSequence()) return out;
  for (const auto& item : texts) {
    if (item.IsScalar()) out.push_back(yaml.place(item));
  }
  return out;
}

void check_patterns(const Transform& t, Diagnostics& diagnostics) {
  for (std::size_t i = 0; i < t.source_patterns.size(); ++i) {
    if (const auto error = pattern_error(t.source_patterns[i])) {
      diagnostics.add({Severity::kError, "bad-pattern"_id, t.source_places[i],
                       fmt::format("pattern '{}': {}", t.source_patterns[i], *error), ""});
    }
  }
}

}  // namespace

std::optional<Transform> parse_transform(const YamlFile& yaml, const YAML::Node& node,
                                         Diagnostics& diagnostics) {
  if (!node.IsMap() || node.size() != 1) {
    diagnostics.error("rules-malformed"_id, yaml.place(node), "a transform is written Kind: {...}",
                      "Kinds: WeightRenaming, GroupWeightRename, PrefixChange, WeightConverter.");
    return std::nullopt;
  }
  const YAML::Node key = node.begin()->first;
  const std::string name = key.IsScalar() ? key.Scalar() : "";
  const auto kind = kind_of(name);
  if (!kind) {
    std::vector<std::string> known;
    for (const auto& [n, k] : kinds()) known.push_back(n);
    const std::string near = did_you_mean(name, known);
    diagnostics.error("rules-unknown-transform"_id, yaml.place(key),
                      fmt::format("unknown kind of transform '{}'", name),
                      near.empty() ? "Known: " + join_some(known) + "." : near);
    return std::nullopt;
  }
  Transform t;
  t.kind = *kind;
  t.place = yaml.place(key);
  MapReader map(yaml, node.begin()->second, name, diagnostics);
  if (t.kind == TransformKind::kPrefixChange) {
    read_prefixes(map, t);
  } else {
    t.source_patterns = map.texts("source_patterns");
    t.target_patterns = map.texts("target_patterns");
    t.source_places = places_of(yaml, map.take("source_patterns"));
    if (t.kind == TransformKind::kWeightConverter) read_operations(yaml, map, t, diagnostics);
    if (t.kind == TransformKind::kWeightRenaming) t.forward_only = map.boolean("forward_only", false);
    check_counts(map, t);
    check_patterns(t, diagnostics);
  }
  const auto scope = map.optional_text("scope_prefix");
  const auto base = map.optional_text("base_model_prefix");
  if (scope) t.scope = Scope{*scope, base.value_or("")};
  if (base && !scope)
    map.error("rules-malformed"_id, map.node(), "'base_model_prefix' without 'scope_prefix'",
              "Write scope_prefix: '' for the root.");
  t.required = map.boolean("required", false);
  map.finish();
  return t;
}

}  // namespace tenon
