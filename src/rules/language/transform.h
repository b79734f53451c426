// One entry of a rule list.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/diagnostics.h"
#include "rules/language/operation.h"

namespace tenon {

enum class TransformKind { kWeightRenaming, kGroupWeightRename, kPrefixChange, kWeightConverter };

/// Keeps the rules of a sub-model inside it: only keys that start with `base.scope.` or `scope.` are seen,
/// without that prefix.
struct Scope {
  std::string scope_prefix;
  std::string base_model_prefix;
  bool operator==(const Scope&) const = default;
};

struct Transform {
  TransformKind kind = TransformKind::kWeightRenaming;
  /// Python `re`, as written; PrefixChange: derived from its prefixes
  std::vector<std::string> source_patterns;
  std::vector<std::string> target_patterns;
  /// WeightConverter
  std::vector<Operation> operations;
  /// PrefixChange: exactly one of the two
  std::optional<std::string> prefix_to_add;
  std::optional<std::string> prefix_to_remove;
  std::string model_prefix;
  std::optional<Scope> scope;
  /// legacy names: not inverted
  bool forward_only = false;
  /// an error if it matches nothing on the way to the fused layout
  bool required = false;
  /// made by invert()
  bool inverted = false;
  /// of an inverted GroupWeightRename: where each pair stands as written
  std::vector<std::size_t> declared_pairs;

  /// as the rule file has them
  nlohmann::ordered_json written_operations;
  /// dotted, of config.json: what its expressions are evaluated against; "" for all
  std::string config_part;

  /// the rule file's name
  std::string rule;
  /// in that file's own list, from 0
  int index = 0;
  bool from_family = false;
  /// its file lies in the library: the user cannot change it
  bool from_library = false;
  /// its file says that it was read off a release of the reference (`origin`)
  bool from_registry = false;
  /// of a family: only keys below one of these; null: any key
  std::shared_ptr<const std::set<std::string, std::less<>>> modules;
  /// of a family: no key below one of these; null: any key
  std::shared_ptr<const std::set<std::string, std::less<>>> left_alone;
  /// its modules have the same names on both sides, so that the inverse keeps to them
  bool modules_stay = false;
  Place place;
  /// of the source patterns as written; empty for a PrefixChange and an inverse
  std::vector<Place> source_places;
  /// files that pulled it in, outermost first
  std::vector<std::string> included_from;

  /// "qwen2_moe#1", "clip#0@vision_tower": the same for the same rule files, used by manifests and messages.
  std::string id() const;
};

std::string_view name_of(TransformKind kind);

/// "qwen2_moe#1 (WeightConverter mlp.experts.*.down_proj.weight)": how messages name a transform.
std::string describe(const Transform& transform);

/// Fills in the patterns of a PrefixChange from its prefixes.
void derive_prefix_patterns(Transform& transform);

}  // namespace tenon
