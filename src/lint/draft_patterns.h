// Keys as a draft sees them: kinds that differ in their numbers only, and the patterns of a rule between
// kinds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/tensor.h"

namespace tenon {

/// Keys that differ in their numbers only: `layers.*.experts.*.w1.weight`.
struct KeyKind {
  /// with `*` for each part of digits
  std::string pattern;
  /// by tensor: what its stars stand for
  std::vector<std::vector<std::string>> numbers;
  /// parallel to `numbers`: indices into the checkpoint's tensors
  std::vector<std::uint32_t> tensors;
  bool used = false;

  std::size_t stars() const { return numbers.front().size(); }
};

/// In the order in which the checkpoint's tensors have them.
std::vector<KeyKind> key_kinds(const std::vector<Tensor>& tensors);

/// "a.b" as ["a", "b"].
std::vector<std::string> key_segments(const std::string& key);
bool is_key_number(const std::string& segment);

/// How alike two patterns are: segments in common from both ends, and letters in common in between.
double key_likeness(const std::string& a, const std::string& b);

/// One side of a rule: a kind's pattern, and which of its stars (from 0) collects a list; -1: none.
struct KeySide {
  std::string pattern;
  int list_star = -1;
};

struct RulePatterns {
  /// regular expressions
  std::vector<std::string> sources;
  std::vector<std::string> targets;
};

/// Patterns that turn the keys of `sources` into those of `targets` (one of the two has one side alone) and
/// hit no kind of `others`, which are all patterns of the checkpoint. Nothing where a rule cannot say it:
/// numbers in more than two places with other text between them.
std::optional<RulePatterns> rule_patterns(const std::vector<KeySide>& sources,
                                          const std::vector<KeySide>& targets,
                                          const std::vector<std::string>& others);

}  // namespace tenon
