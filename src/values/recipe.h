// A recipe: how one element of an output is computed from elements of its operands. It knows no tensors and
// no places; those stand in the piece that uses it. Pure data, compared and printed, so that plans that
// compute are proven, hashed and resumed as plans that copy are.
//
// All arithmetic is IEEE binary32, one operation at a time, rounded to nearest even, denormals kept. Where an
// input does not fit a binary32 (F64, wide integers) the lanes are wider, and steps only move and convert.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "values/coding.h"

namespace tenon {

/// Why a number is refused. The words are those of the diagnostics' ids: "value-scale".
enum class Refusal : std::uint8_t { kScale, kNonfinite, kRange, kInexact, kAmbiguous };
std::string_view name_of(Refusal refusal);

/// What an input must be.
enum class Demand : std::uint8_t {
  kNothing,
  /// finite and above zero
  kScale,
  /// finite and not below zero
  kScaleOrZero,
  kFinite,
  /// a packed zero point that readers understand in two ways
  kNotAllOnes,
};

/// What an input is, of the elements of its operand.
enum class Fold : std::uint8_t { kElement, kLargest, kMinimum, kMaximum };

/// A loop over the block that a Fold reads; strides in bits of the operand.
struct FoldLoop {
  std::int64_t extent = 1;
  std::int64_t stride = 0;
  bool operator==(const FoldLoop&) const = default;
};

struct Input {
  Coding coding;
  Demand demand = Demand::kNothing;
  Fold fold = Fold::kElement;
  /// of a Fold; elements past a block's end are left out, and count as 0
  std::vector<FoldLoop> block = {};
  /// Bits to add to the operand's place for each field of the result; empty: the same element for all.
  std::vector<std::int64_t> by_field = {};
  bool operator==(const Input&) const = default;
};

enum class StepKind : std::uint8_t {
  /// value
  kConstant,
  /// a + b
  kAdd,
  /// a - b
  kSubtract,
  /// a * b
  kMultiply,
  /// a / b
  kDivide,
  /// b < a ? b : a, so that a NaN in a stays
  kMinimum,
  /// a < b ? b : a
  kMaximum,
  /// |a|
  kMagnitude,
  /// a, rounded to `coding`; what does not fit becomes Inf, or 448 in E4M3
  kRound,
  /// to a whole number, ties to even
  kRoundInteger,
  /// a == 0 ? b : a
  kOrIfZero,
  /// a is NaN ? b : a
  kOrIfNan,
  /// a is finite ? a : b
  kOrIfNotFinite,
  /// the exponent field of a's bits plus `value`, a being >= 0: log2 rounded somehow, plus 127
  kExponent,
  /// 2^(a-127), for a whole a of 0..254
  kPowerOfTwo,
  /// the smallest power of two >= a, from 2^-127 to 2^127
  kRaiseToPower,
  /// a; what is not is refused for `refusal`
  kRequireFinite,
  kRequireNonzero,
};

/// Makes one value out of earlier ones: a and b count the inputs first, then the steps.
struct RecipeStep {
  StepKind kind = StepKind::kConstant;
  std::uint16_t a = 0;
  std::uint16_t b = 0;
  float value = 0;
  Coding coding = {};
  Refusal refusal = Refusal::kScale;
  bool operator==(const RecipeStep&) const = default;
};

enum class Overflow : std::uint8_t { kError, kTorch, kNan };
enum class Ties : std::uint8_t { kEven, kAway };

/// How the last value becomes an element of the output.
struct Result {
  Coding coding;
  Overflow overflow = Overflow::kTorch;
  /// of E2M1
  Ties ties = Ties::kEven;
  /// refuses a conversion from which the first input does not come back
  bool exact = false;
  std::uint8_t element_bits = 32;
  /// Where the code of each field begins in the element, in bits; negative: its low bits are in the element
  /// before. Empty: the code is the element.
  std::vector<std::int16_t> fields = {};
  bool operator==(const Result&) const = default;
};

struct Recipe {
  std::vector<Input> inputs;
  std::vector<RecipeStep> steps;
  Result result;
  bool operator==(const Recipe&) const = default;
};

/// Does the recipe only move the elements of its one input?
bool is_copy(const Recipe& recipe);

/// "E4M3 a, F32 b: a * b -> BF16": the recipe in one line. Two recipes that differ print differently.
std::string to_string(const Recipe& recipe);

}  // namespace tenon
