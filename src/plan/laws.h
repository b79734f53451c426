// How far numbers are from themselves when they come back by an operation that rounds them.
#pragma once

#include <optional>
#include <string>

#include "rules/operations/value_scope.h"

namespace tenon {

/// |x' - x| <= relative * |x| + of_largest * (the largest magnitude of x's block) + tiny; of numbers below
/// 2^127, above which what is rounded up to a power of two is no float.
struct Law {
  double relative = 0;
  double of_largest = 0;
  /// far below all numbers that a weight has: what underflows
  double tiny = 0;

  /// What --within has to allow: a number comes back within it times itself, or, where a block shares a
  /// scale, times the block's largest.
  double bound() const { return relative + of_largest; }
};

/// Of numbers that were cast, and of weights that were coded; nothing where none is known.
std::optional<Law> law_of_cast(const Derivation& derivation);
std::optional<Law> law_of_codes(const Derivation& derivation);

/// "within 2^-8 of themselves", "within 0.0625 of themselves and 0.01 of their block's largest".
std::string to_string(const Law& law);

}  // namespace tenon
