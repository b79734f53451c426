// What the operations that change values are called in rules, which roles their tensors have, which
// parameters they take, and what takes them back. What they compute is src/values/operations.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "values/operations/value_operation.h"

namespace tenon {

/// How many tensors become how many.
enum class ValueKind {
  // each tensor by itself, whatever it is called
  kEach,
  // codes, scales and what else belongs to a weight become the weight
  kDecode,
  // a weight becomes codes, scales and what else belongs to it
  kEncode,
  // one coded form becomes another
  kRecode
};

/// What is noted of each tensor on the way there, because the result does not say it.
enum class Notes { kNothing, kDType, kDTypeAndShape };

enum class ValueParameterKind { kFlag, kWhole, kNumber, kWord, kDType, kBlock };

struct ValueParameterRow {
  std::string name;
  ValueParameterKind kind = ValueParameterKind::kWord;
  std::string about;
  // of a kWord; none: any
  std::vector<std::string> choices = {};
};

struct ValueRow {
  std::string name;
  ValueKind kind = ValueKind::kEach;
  std::string about;
  std::string inverse;
  // roles of what it takes and of what it makes; the codes first, by each style's name
  std::vector<std::string> takes;
  std::vector<std::string> makes;
  std::vector<ValueParameterRow> parameters;
  // parameters that the inverse takes over
  std::vector<std::string> shared;
  // parameters that the inverse has besides
  ValueParameters added = {};
  Notes notes = Notes::kNothing;

  /// Roles of what it takes or makes that have a coded tensor.
  bool is_codes(const std::string& role) const;
};

std::span<const ValueRow> value_rows();
const ValueRow* find_value_row(std::string_view name);

/// The role that a pattern ends in, and what stands before it without its last separators.
struct PatternRole {
  std::string stem;
  // empty: the pattern ends in none of the roles
  std::string role;
};
PatternRole role_of_pattern(std::string_view pattern, const std::vector<std::string>& roles);

}  // namespace tenon
