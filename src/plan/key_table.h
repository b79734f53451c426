// Which tensors become which, as a table: for many keys what plan/explain.h says of one.
#pragma once

#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "plan/plan.h"

namespace tenon {

/// A source tensor and one that holds elements of it.
struct KeyRow {
  std::string source;
  /// empty: it is left out
  std::string result;
  /// the converter in words, "" for a renaming or a copy; where it is left out, why
  std::string by;
};

/// The rows of which either key matches the glob, in the source's order. Throws UserError with near keys
/// where there are none.
std::vector<KeyRow> key_table(const Checkpoint& source, const Plan& plan, const std::string& glob);

}  // namespace tenon
