// Changes of a module's weights, as data, so that a backend can make them where the weights are.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "checkpoint/dtype.h"
#include "parity/module_weights.h"

namespace tenon {

/// A change of one weight tensor.
struct WeightEdit {
  enum class Kind {
    kReorder,    // along `axis`: new slice i is old slice order[i]
    kTranspose,  // a square matrix
    kClear,      // all zero
    kFlipBit,    // the lowest bit of the middle element: the smallest change there is
    kTake,       // the elements of weight `other`, of the same shape
  };
  Kind kind = Kind::kClear;
  std::string weight;     // name below the module
  std::size_t index = 0;  // of a list of weights
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
