// Changes of a module's weights, as data, so that a backend can make them where the weights are.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "modules/module_weights.h"
#include "tensor/dtype.h"

namespace tenon {

/// A change of one weight tensor.
struct WeightEdit {
  enum class Kind {
    /// along `axis`: new slice i is old slice order[i]
    kReorder,
    /// a square matrix
    kTranspose,
    /// all zero
    kClear,
    /// the lowest bit of the middle element: the smallest change there is
    kFlipBit,
    /// the elements of weight `other`, of the same shape
    kTake,
  };
  Kind kind = Kind::kClear;
  /// name below the module
  std::string weight;
  /// of a list of weights
  std::size_t index = 0;
  std::size_t axis = 0;
  std::vector<std::size_t> order;
  std::string other;
  std::size_t other_index = 0;
};

/// All edits read the weights as they were before the first of them.
using WeightChange = std::vector<WeightEdit>;

/// A run of slices along an axis that stay neighbours: new slices [to, to + count) are old [from, from +
/// count).
struct SliceRun {
  std::size_t from, to, count;
};
std::vector<SliceRun> runs_of(const std::vector<std::size_t>& order);

/// Does the change leave the weights' bytes different?
bool changes_bytes(const ModuleWeights& weights, const WeightChange& change);

}  // namespace tenon
