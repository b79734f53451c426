// The operations of a WeightConverter. Each moves elements and does no arithmetic on them. What an operation
// is stands in one file of rules/operations: its parameters, how many tensors it takes and leaves, its
// inverse and what it does to views. Here is what everybody else needs: a handle that is copied like a value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/diagnostics.h"

namespace tenon {

class LayoutOperation;

/// An integer in a rule file: written out, or an expression over the checkpoint's config that `resolve` has
/// evaluated.
struct Number {
  // as written: "3", "${config.hidden_size}"
  std::string text;
  Place place;
  // set at once for a literal, by resolve() for an expression
  std::optional<std::int64_t> value;
};

/// How the extents of the parts along the joined or cut dimension are known.
struct PartSizes {
  enum class Kind { kUndeclared, kEqual, kListed };
  Kind kind = Kind::kUndeclared;
  std::vector<Number> listed;
};

/// Which numbers the items of a list carry: start, start + stride, ...
struct ListNumbers {
  std::int64_t start = 0;
  std::int64_t stride = 1;
  bool operator==(const ListNumbers&) const = default;
};

/// How many tensors an operation takes and how many it leaves.
struct TensorArity {
  enum class Takes {
    // each tensor by itself
    kEach,
    // one tensor, no more
    kOne,
    // a list of each source pattern
    kLists,
    // all tensors that there are
    kAll
  };
  enum class Leaves {
    // as many as it took, a list as one
    kSame,
    // one
    kOne,
    // one for each target
    kTargets,
    // one for each index, which stands for the `*` of a target
    kNumbered,
    // one for each index and target
    kNumberedTargets
  };
  Takes takes = Takes::kEach;
  Leaves leaves = Leaves::kSame;

  /// Does it make one tensor of several, so that each source pattern must have found something?
  bool joins() const { return takes == Takes::kLists || takes == Takes::kAll; }
  /// Can it stand in a converter of several sources and several targets?
  bool many_to_many() const {
    return (takes == Takes::kLists && leaves == Leaves::kTargets) || leaves == Leaves::kNumberedTargets;
  }
};

/// One step of a converter: what it does, immutable and shared by copies, and where it is written.
struct Operation {
  std::shared_ptr<const LayoutOperation> does;
  Place place;

  const LayoutOperation* operator->() const { return does.get(); }
};

/// The place of a dimension that counts from the end where it is negative; nothing where there is none.
std::optional<std::size_t> dimension_index(int dim, std::size_t rank);

}  // namespace tenon
