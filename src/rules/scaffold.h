// A first draft of a rule file, from two checkpoints' keys and shapes: what was renamed, stacked, joined, cut
// or transposed. To be edited by a person: it proposes, and says what it could not explain.
#pragma once

#include <string>
#include <vector>

#include "checkpoint/tensor.h"

namespace tenon {

struct Scaffold {
  std::string rule_file;                 // YAML, with a comment beside each guess
  std::size_t explained = 0;             // kinds of fused keys (numbers written as `*`) that the rules make
  std::vector<std::string> unexplained;  // fused kinds without a source
  std::vector<std::string> left_over;    // original kinds that nothing uses
};

/// Reads keys, dtypes and shapes only. `name` becomes the rule file's name.
Scaffold scaffold_rules(const std::vector<Tensor>& original, const std::vector<Tensor>& fused,
                        const std::string& name);

}  // namespace tenon
