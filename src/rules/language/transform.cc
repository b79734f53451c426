#include "rules/language/transform.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tenon {

std::string_view name_of(TransformKind kind) {
  switch (kind) {
    case TransformKind::kWeightRenaming:
      return "WeightRenaming";
    case TransformKind::kGroupWeightRename:
      return "GroupWeightRename";
    case TransformKind::kPrefixChange:
      return "PrefixChange";
    case TransformKind::kWeightConverter:
      return "WeightConverter";
  }
  return "";
}

std::string Transform::id() const {
  std::string out = fmt::format("{}#{}", rule, index);
  if (scope) {
    out += '@';
    if (!scope->base_model_prefix.empty()) out += scope->base_model_prefix + ':';
    out += scope->scope_prefix;
  }
  return out;
}

std::string describe(const Transform& t) {
  std::string what;
  if (t.kind == TransformKind::kPrefixChange) {
    what = t.prefix_to_add ? "add " + *t.prefix_to_add : "remove " + t.prefix_to_remove.value_or("");
  } else {
    what = fmt::format("{} -> {}", fmt::join(t.source_patterns, ", "), fmt::join(t.target_patterns, ", "));
  }
  return fmt::format("{} ({}{} {})", t.id(), t.inverted ? "inverse of " : "", name_of(t.kind), what);
}

void derive_prefix_patterns(Transform& t) {
  const std::string below = t.model_prefix.empty() ? "" : t.model_prefix + "\\.";
  if (t.prefix_to_add) {
    t.source_patterns = {fmt::format("^{}(?:(?!{}\\.))(.+)$", below, *t.prefix_to_add)};
    t.target_patterns = {fmt::format("{}{}\\.\\1", below, *t.prefix_to_add)};
  } else {
    t.source_patterns = {fmt::format("^{}{}\\.(.+)$", below, t.prefix_to_remove.value_or(""))};
    t.target_patterns = {fmt::format("{}\\1", below)};
  }
}

}  // namespace tenon
