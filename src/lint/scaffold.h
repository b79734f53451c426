// A first draft of a rule file, from two checkpoints' keys and shapes: what was renamed, stacked, joined, cut
// or transposed. To be edited by a person: it proposes, and says what it could not explain.
#pragma once

#include <string>
#include <vector>

#include "checkpoint/tensor.h"

namespace tenon {

struct Scaffold {
  /// YAML, with a comment beside each guess
  std::string rule_file;
  /// kinds of fused keys (numbers written as `*`) that the rules make
  std::size_t explained = 0;
  /// fused kinds without a source
  std::vector<std::string> unexplained;
  /// original kinds that nothing uses
  std::vector<std::string> left_over;
};

/// Reads keys, dtypes and shapes only. `name` becomes the rule file's name.
Scaffold scaffold_rules(const std::vector<Tensor>& original, const std::vector<Tensor>& fused,
                        const std::string& name);

}  // namespace tenon
