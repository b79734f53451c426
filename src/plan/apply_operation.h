// What each operation of a WeightConverter does to the views that reached one target key.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "plan/view.h"
#include "rules/transform.h"

namespace tenon {

/// One bundle of views on its way through a converter: what a source pattern collected, or what an operation
/// made for a target pattern.
struct Entry {
  bool is_target = false;  // is `pattern` an index into the target patterns, or into the source patterns?
  std::size_t pattern = 0;
  std::optional<std::int64_t> index;  // where `*` stands for a running index
  std::vector<View> views;            // several: a list that a pattern with `*` collected
};

/// A layout that the user declares for keys whose dimensions cannot tell (--assume-layout).
struct LayoutAssumption {
  std::string glob;
  bool is_fused = false;  // the tensors already have the fused layout's shape
};

/// What one conversion has to know beside its rules, and what it finds out for the way back.
struct Facts {
  std::map<std::string, std::vector<std::int64_t>> part_sizes;  // fused key -> extents of its parts
  std::map<std::string, bool> transposed;  // fused key -> a Transpose(check_dims) swapped it
};

struct OperationContext {
  const Transform& transform;
  const std::string& key;  // the target key in the fused layout (forward), or the fused source key (way back)
  bool to_fused = true;
  const Facts& known;  // of an earlier conversion the other way
  const std::vector<LayoutAssumption>& assumptions;
  Facts& found;
  std::vector<std::string>& notes;
};

/// An operation that does not fit its views; the message says which shapes.
struct OperationError {
  std::string message;
  std::string hint;
};

/// Replaces the entries by what the operation makes of them. Throws OperationError.
void apply_operation(const Operation& operation, const OperationContext& context,
                     std::vector<Entry>& entries);

}  // namespace tenon
