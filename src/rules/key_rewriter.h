// One transform at work on keys: match within its scope, replace the first occurrence of the matched text,
// remember that it was used.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/language/transform.h"
#include "rules/pattern.h"

namespace tenon {

struct Rewrite {
  /// the whole key, scope put back
  std::string key;
  /// the source pattern that matched
  int alternative = 0;
  /// the text that was replaced
  std::string matched;
  /// what stands there now: the target with its group filled in
  std::string replacement;
  /// where `replacement` begins in `key`
  std::size_t at = 0;
  std::optional<std::string> group;
};

class KeyRewriter {
 public:
  /// `any_number`: a list may have other numbers than its operation says (for lint, which makes up keys).
  explicit KeyRewriter(const Transform& transform, bool any_number = false);

  /// Applies the transform to a key, or nothing where it does not match. A GroupWeightRename remembers that
  /// its guard was seen. Throws UserError where a pattern backtracks without end or the key grows beyond 64
  /// KiB.
  std::optional<Rewrite> apply(std::string_view key);

  /// For a list pattern: where its stars stand in a key that matched, from the left; none where it has none.
  std::vector<Pattern::Star> stars(std::string_view key) const;

  /// The key with `*` where its stars stood: the same for all items of a list.
  std::string without_numbers(std::string_view key) const;

  /// The numbers that each of `count` stars stands for, from the left, by the operations that make one tensor
  /// of lists: the first of them goes with the last star.
  std::vector<ListNumbers> list_numbers(std::size_t count) const;

  /// Target pattern `i` as text, with the group filled in and `*` left as it is.
  std::string target_text(std::size_t i, const std::optional<std::string>& group) const;

  bool used() const { return used_; }
  const Pattern& pattern() const { return pattern_; }
  const Transform& transform() const { return *transform_; }

 private:
  bool below_a_module(std::string_view key) const;
  std::optional<std::string_view> without_scope(std::string_view key) const;
  bool has_its_numbers(int alternative, std::string_view inside) const;
  [[noreturn]] void refuse_growth() const;

  const Transform* transform_;
  std::vector<TargetText> targets_;
  Pattern pattern_;
  // of each operation that makes one tensor of lists
  std::vector<ListNumbers> numbers_;
  // is a list with other numbers left to others?
  bool only_its_numbers_ = false;
  bool used_ = false;
  bool guard_seen_ = false;
};

}  // namespace tenon
