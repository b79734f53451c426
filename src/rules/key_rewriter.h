// One transform at work on keys: match within its scope, replace the first occurrence of the matched text,
// remember that it was used.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/pattern.h"
#include "rules/transform.h"

namespace tenon {

struct Rewrite {
  std::string key;          // the whole key, scope put back
  int alternative = 0;      // the source pattern that matched
  std::string matched;      // the text that was replaced
  std::string replacement;  // what stands there now: the target with its group filled in
  std::size_t at = 0;       // where `replacement` begins in `key`
  std::optional<std::string> group;
};

class KeyRewriter {
 public:
  explicit KeyRewriter(const Transform& transform);

  /// Applies the transform to a key, or nothing where it does not match. A GroupWeightRename remembers that
  /// its guard was seen. Throws UserError where a pattern backtracks without end or the key grows beyond 64
  /// KiB.
  std::optional<Rewrite> apply(std::string_view key);

  /// For a list pattern: what the `*` stood for in a key that matched (first star), or nothing where the
  /// pattern has none.
  std::optional<std::string> star(std::string_view key) const;

  /// Target pattern `i` as text, with the group filled in and `*` left as it is.
  std::string target_text(std::size_t i, const std::optional<std::string>& group) const;

  bool used() const { return used_; }
  const Pattern& pattern() const { return pattern_; }
  const Transform& transform() const { return *transform_; }

 private:
  bool below_a_module(std::string_view key) const;
  std::optional<std::string_view> without_scope(std::string_view key) const;
  [[noreturn]] void refuse_growth() const;

  const Transform* transform_;
  std::vector<TargetText> targets_;
  Pattern pattern_;
  bool used_ = false;
  bool guard_seen_ = false;
};

}  // namespace tenon
