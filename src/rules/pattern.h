// The patterns of one transform: Python `re` alternatives as one PCRE2 alternation, JIT-compiled, searched
// unanchored.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostics.h"

namespace tenon {

struct PatternMatch {
  int alternative = 0;    // which source pattern
  std::size_t begin = 0;  // of the matched text
  std::size_t end = 0;
  std::optional<std::string>
      group;  // the alternative's first capturing group, where it has one that took part
};

class Pattern {
 public:
  /// `*.` stands for `.*\.`. Throws UserError at `place` naming the pattern, the position in it and what
  /// PCRE2 says.
  Pattern(std::vector<std::string> sources, Place place);

  /// First match of the alternation, as re.search. Throws UserError where the match limit is reached (a
  /// pattern that backtracks for ever).
  std::optional<PatternMatch> search(std::string_view text) const;

  /// What the (last) `*` of an alternative stood for in a text that it matches, or nothing where it has none.
  std::optional<std::string> star(int alternative, std::string_view text) const;

  const std::vector<std::string>& sources() const { return sources_; }

 private:
  struct Code;
  std::vector<std::string> sources_;
  std::shared_ptr<const Code> code_;
  Place place_;
};

/// What is wrong with one source pattern, or nothing: for lint, which goes on.
std::optional<std::string> pattern_error(const std::string& source);

/// A target pattern as text: without `^`, `$` and look-around groups, `\.` as `.`, a capturing group as `\1`.
struct TargetText {
  std::string text;
  std::optional<std::string> group;  // "(.+)", as it stood in the pattern
};
TargetText target_as_text(std::string_view pattern);

}  // namespace tenon
