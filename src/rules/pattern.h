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
  /// which source pattern
  int alternative = 0;
  /// of the matched text
  std::size_t begin = 0;
  std::size_t end = 0;
  /// the alternative's first capturing group, where it has one that took part
  std::optional<std::string> group;
};

class Pattern {
 public:
  /// `*.` stands for `.*\.`, and a `*` that ends a word and the pattern (`weight*`, `weight*$`) for a number.
  /// Throws UserError at `place` naming the pattern, the position in it and what
  /// PCRE2 says.
  Pattern(std::vector<std::string> sources, Place place);

  /// First match of the alternation, as re.search. Throws UserError where the match limit is reached (a
  /// pattern that backtracks for ever).
  std::optional<PatternMatch> search(std::string_view text) const;

  /// Where a `*` of a pattern stands in a text.
  struct Star {
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  /// What the stars of an alternative stand for in a text that it matches, from the left; none where it has
  /// none.
  std::vector<Star> stars(int alternative, std::string_view text) const;

  const std::vector<std::string>& sources() const { return sources_; }

 private:
  struct Code;
  std::vector<std::string> sources_;
  std::shared_ptr<const Code> code_;
  Place place_;
};

/// Does a `*` at the end of a word end the pattern? `weight*` then stands for weight0, weight1, ...
bool ends_in_number(std::string_view source);

/// What is wrong with one source pattern, or nothing: for lint, which goes on.
std::optional<std::string> pattern_error(const std::string& source);

/// A target pattern as text: without `^`, `$` and look-around groups, `\.` as `.`, a capturing group as `\1`.
struct TargetText {
  std::string text;
  /// "(.+)", as it stood in the pattern
  std::optional<std::string> group;
};
TargetText target_as_text(std::string_view pattern);

}  // namespace tenon
