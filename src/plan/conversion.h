// A rule list applied to a whole checkpoint, as data: what is asked, and what it makes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "plan/map_keys.h"
#include "rules/operations/layout_operation.h"
#include "rules/operations/value_scope.h"
#include "tensor/view.h"

namespace tenon {

/// A key and what it holds, in terms of the source checkpoint's tensors.
struct NamedView {
  std::string key;
  View view;
  /// the converter that made it
  int transform = -1;
  /// indices of the inputs it was made of
  std::vector<std::uint32_t> inputs;
};

/// Elements of the inputs that a converter cuts off.
struct Cut {
  CutOff elements;
  int transform = -1;
};

struct Conversion {
  /// in natural order of their keys
  std::vector<NamedView> outputs;
  /// by transform
  std::vector<bool> used;
  /// by input: the converter that took it, -1
  std::vector<int> converter_of;
  /// by input: its new key (the first output's, for a converter's input)
  std::vector<std::string> key_of;
  Facts found;
  std::vector<std::string> notes;
  std::vector<Cut> cuts;
  /// by input: the key that its converter saw; its own without one
  std::vector<std::string> seen_of;
};

struct ConversionRequest {
  /// in the direction's order
  const std::vector<Transform>& transforms;
  bool to_fused = true;
  const FusedKeys& fused_keys;
  /// of a conversion the other way
  const Facts& known;
  const std::vector<LayoutAssumption>& assumptions;
  /// lengths that the config allows for a list of experts; empty: any
  std::vector<std::int64_t> expert_counts;
  /// what a conversion the other way remembered
  const RememberedNames* names = nullptr;
  /// num_hidden_layers of config.json, 0 where it says none
  std::int64_t layer_count = 0;
  bool allow_missing_layers = false;
  /// rows and columns of a block of a block-wise scale; or none
  std::vector<std::int64_t> block_size = {};
  /// Where values change; null: no rule does that.
  ValueScope* values = nullptr;
  /// By input: none of these rules' business; null: all are.
  const std::vector<bool>* outside = nullptr;
};

/// The tensors of a checkpoint, each as it stands there.
std::vector<NamedView> views_of(const Checkpoint& checkpoint);

}  // namespace tenon
