#include "rules/key_rewriter.h"

#include <fmt/format.h>

#include <algorithm>

namespace tenon {
namespace {

// A target may hold its group more than once, and then each renaming of a chain doubles the key.
constexpr std::size_t kMaxKeyBytes = 64 << 10;

std::vector<TargetText> texts_of(const std::vector<std::string>& targets) {
  std::vector<TargetText> out;
  for (const auto& target : targets) out.push_back(target_as_text(target));
  return out;
}

// A source pattern was a target before inversion, and the other way round: `\1` in it stands for the group of
// the targets, and a pattern whose partner is anchored is anchored the same way, so that the inverse hits no
// more than the transform made.
std::vector<std::string> searchable(const Transform& t, const std::vector<TargetText>& targets) {
  std::optional<std::string> group;
  for (const auto& target : targets) {
    if (!target.group) continue;
    if (group && *group != *target.group) {
      throw UserError(t.place,
                      fmt::format("{}: targets with different capturing groups {} and {}", describe(t),
                                  *group, *target.group),
                      "A transform can carry one capturing group over its targets, or it has no inverse.");
    }
    group = target.group;
  }
  std::vector<std::string> out = t.source_patterns;
  const bool paired = t.source_patterns.size() == t.target_patterns.size();
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (const std::size_t at = out[i].find("\\1"); at != std::string::npos) {
      if (!group) {
        throw UserError(
            t.place,
            fmt::format("{}: \\1 in the source '{}', but no target has a capturing group", describe(t),
                        out[i]),
            "Put the group that \\1 stands for into a target pattern, or write the source without \\1.");
      }
      out[i].replace(at, 2, *group);
    }
    if (!paired) continue;
    if (t.target_patterns[i].starts_with('^') && !out[i].starts_with('^')) out[i] = "^" + out[i];
    if (t.target_patterns[i].ends_with('$') && !out[i].ends_with('$')) out[i] += "$";
  }
  return out;
}

}  // namespace

KeyRewriter::KeyRewriter(const Transform& transform)
    : transform_(&transform),
      targets_(texts_of(transform.target_patterns)),
      pattern_(searchable(transform, targets_), transform.place) {}

// The part of a key that the transform may see: behind "base.scope." (tried first) or "scope.", or all of it
// where it has no scope.
std::optional<std::string_view> KeyRewriter::without_scope(std::string_view key) const {
  const auto& scope = transform_->scope;
  if (!scope) return key;
  const std::string inner = scope->scope_prefix.empty() ? "" : scope->scope_prefix + ".";
  const std::string outer = scope->base_model_prefix.empty() ? "" : scope->base_model_prefix + ".";
  if (key.starts_with(outer + inner)) return key.substr(outer.size() + inner.size());
  if (key.starts_with(inner)) return key.substr(inner.size());
  return std::nullopt;
}

// A family's transforms stay below the modules that it can fuse.
bool KeyRewriter::below_a_module(std::string_view key) const {
  if (!transform_->modules) return true;
  if (transform_->modules->contains(std::string_view())) return true;
  for (std::size_t dot = key.find('.'); dot != std::string_view::npos; dot = key.find('.', dot + 1)) {
    if (transform_->modules->contains(key.substr(0, dot))) return true;
  }
  return false;
}

std::optional<Rewrite> KeyRewriter::apply(std::string_view key) {
  if (!below_a_module(key)) return std::nullopt;
  const auto inside = without_scope(key);
  if (!inside) return std::nullopt;
  const auto match = pattern_.search(*inside);
  if (!match) return std::nullopt;

  std::size_t target = 0;
  if (transform_->kind == TransformKind::kGroupWeightRename) {
    if (match->alternative == 0) guard_seen_ = true;
    if (!guard_seen_) return std::nullopt;
    target = static_cast<std::size_t>(match->alternative);
  }
  used_ = true;

  Rewrite out;
  out.alternative = match->alternative;
  out.matched = std::string(inside->substr(match->begin, match->end - match->begin));
  out.replacement = target_text(target, match->group);
  out.group = match->group;
  const std::size_t prefix = key.size() - inside->size();
  out.at = prefix +
           inside->find(out.matched);  // the first occurrence of the text, which may stand before the match
  out.key = std::string(key);
  out.key.replace(out.at, out.matched.size(), out.replacement);
  if (out.key.size() > std::max(kMaxKeyBytes, key.size())) refuse_growth();
  return out;
}

void KeyRewriter::refuse_growth() const {
  throw UserError(transform_->place,
                  fmt::format("{} makes a key longer than {} bytes", describe(*transform_), kMaxKeyBytes),
                  "Write \\1 once in a target.");
}

std::optional<std::string> KeyRewriter::star(std::string_view key) const {
  const auto inside = without_scope(key);
  if (!inside) return std::nullopt;
  const auto match = pattern_.search(*inside);
  return match ? pattern_.star(match->alternative, *inside) : std::nullopt;
}

std::string KeyRewriter::target_text(std::size_t i, const std::optional<std::string>& group) const {
  std::string out = targets_.at(i).text;
  if (!group) return out;
  for (std::size_t at = out.find("\\1"); at != std::string::npos; at = out.find("\\1", at + group->size())) {
    out.replace(at, 2, *group);
    if (out.size() > std::max(kMaxKeyBytes, group->size())) refuse_growth();
  }
  return out;
}

}  // namespace tenon
