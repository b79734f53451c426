// One entry of a rule list.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/diagnostics.h"
#include "rules/operation.h"

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
  std::vector<std::string>
      source_patterns;  // Python `re`, as written; PrefixChange: derived from its prefixes
  std::vector<std::string> target_patterns;
  std::vector<Operation> operations;         // WeightConverter
  std::optional<std::string> prefix_to_add;  // PrefixChange: exactly one of the two
  std::optional<std::string> prefix_to_remove;
  std::string model_prefix;
  std::optional<Scope> scope;
  bool forward_only = false;  // legacy names: not inverted
  bool required = false;      // an error if it matches nothing on the way to the fused layout
  bool inverted = false;      // made by invert()
  std::vector<std::size_t>
      declared_pairs;  // of an inverted GroupWeightRename: where each pair stands as written

  std::string rule;  // the rule file's name
  int index = 0;     // in that file's own list, from 0
  bool from_family = false;
  bool from_registry = false;  // its file says that it was read off a release of the reference (`origin`)
  std::shared_ptr<const std::set<std::string, std::less<>>>
      modules;  // of a family: only keys below one of these; null: any key
  Place place;
  std::vector<Place>
      source_places;  // of the source patterns as written; empty for a PrefixChange and an inverse
  std::vector<std::string> included_from;  // files that pulled it in, outermost first

  /// "qwen2_moe#1", "clip#0@vision_tower": the same for the same rule files, used by manifests and messages.
  std::string id() const;
};

std::string_view name_of(TransformKind kind);

/// "qwen2_moe#1 (WeightConverter mlp.experts.*.down_proj.weight)": how messages name a transform.
std::string describe(const Transform& transform);

/// Fills in the patterns of a PrefixChange from its prefixes.
void derive_prefix_patterns(Transform& transform);

}  // namespace tenon
