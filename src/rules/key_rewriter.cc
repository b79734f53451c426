#include "rules/key_rewriter.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "rules/operations/layout_operation.h"

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
      throw UserError("not-invertible"_id, t.place,
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
            "not-invertible"_id, t.place,
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

KeyRewriter::KeyRewriter(const Transform& transform, bool any_number)
    : transform_(&transform),
      targets_(texts_of(transform.target_patterns)),
      pattern_(searchable(transform, targets_), transform.place) {
  for (const auto& operation : transform.operations) {
    if (operation->row().arity.takes == TensorArity::Takes::kLists)
      numbers_.push_back(operation->list_numbers());
  }
  only_its_numbers_ = !any_number && std::any_of(numbers_.begin(), numbers_.end(),
                                                 [](const auto& n) { return n != ListNumbers{}; });
}

std::vector<ListNumbers> KeyRewriter::list_numbers(std::size_t count) const {
  std::vector<ListNumbers> out(count);
  for (std::size_t i = 0; i < std::min(count, numbers_.size()); ++i) out[count - 1 - i] = numbers_[i];
  return out;
}

// Items whose numbers are not start, start + stride, ... are not this converter's. Where neither is said, all
// are, and a list that does not begin at 0 is a mistake.
bool KeyRewriter::has_its_numbers(int alternative, std::string_view inside) const {
  if (!only_its_numbers_) return true;
  const auto stars = pattern_.stars(alternative, inside);
  const auto numbers = list_numbers(stars.size());
  for (std::size_t i = 0; i < stars.size(); ++i) {
    if (numbers[i] == ListNumbers{}) continue;
    const auto number = as_index(inside.substr(stars[i].begin, stars[i].end - stars[i].begin));
    if (!number || *number < numbers[i].start || (*number - numbers[i].start) % numbers[i].stride != 0)
      return false;
  }
  return true;
}

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
  const auto below_one_of = [&](const auto& modules) {
    if (modules.contains(std::string_view())) return true;
    for (std::size_t dot = key.find('.'); dot != std::string_view::npos; dot = key.find('.', dot + 1)) {
      if (modules.contains(key.substr(0, dot))) return true;
    }
    return false;
  };
  if (transform_->left_alone && below_one_of(*transform_->left_alone)) return false;
  return !transform_->modules || below_one_of(*transform_->modules);
}

std::optional<Rewrite> KeyRewriter::apply(std::string_view key) {
  if (!below_a_module(key)) return std::nullopt;
  const auto inside = without_scope(key);
  if (!inside) return std::nullopt;
  const auto match = pattern_.search(*inside);
  if (!match || !has_its_numbers(match->alternative, *inside)) return std::nullopt;

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
  throw UserError("key-too-long"_id, transform_->place,
                  fmt::format("{} makes a key longer than {} bytes", describe(*transform_), kMaxKeyBytes),
                  "Write \\1 once in a target.");
}

std::vector<Pattern::Star> KeyRewriter::stars(std::string_view key) const {
  const auto inside = without_scope(key);
  const auto match = inside ? pattern_.search(*inside) : std::nullopt;
  if (!match) return {};
  auto out = pattern_.stars(match->alternative, *inside);
  for (auto& star : out) {
    star.begin += key.size() - inside->size();
    star.end += key.size() - inside->size();
  }
  return out;
}

std::string KeyRewriter::without_numbers(std::string_view key) const {
  std::string out(key);
  const auto all = stars(key);
  for (auto star = all.rbegin(); star != all.rend(); ++star)
    out.replace(star->begin, star->end - star->begin, "*");
  return out;
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
