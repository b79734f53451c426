// Writes recipes as one writes formulas.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "values/recipe.h"

namespace tenon {

class RecipeBuilder {
 public:
  /// A value that the recipe has made so far.
  struct Value {
    std::uint16_t index = 0;
    bool is_step = false;
  };

  Value input(Input input) {
    recipe_.inputs.push_back(std::move(input));
    return {static_cast<std::uint16_t>(recipe_.inputs.size() - 1), false};
  }
  Value constant(float value) { return step({StepKind::kConstant, 0, 0, value}); }
  Value add(Value a, Value b) { return step(StepKind::kAdd, a, b); }
  Value subtract(Value a, Value b) { return step(StepKind::kSubtract, a, b); }
  Value multiply(Value a, Value b) { return step(StepKind::kMultiply, a, b); }
  Value divide(Value a, Value b) { return step(StepKind::kDivide, a, b); }
  Value minimum(Value a, Value b) { return step(StepKind::kMinimum, a, b); }
  Value maximum(Value a, Value b) { return step(StepKind::kMaximum, a, b); }
  Value magnitude(Value a) { return step(StepKind::kMagnitude, a, a); }
  Value clamp(Value a, float low, float high) { return minimum(maximum(a, constant(low)), constant(high)); }
  Value or_if_zero(Value a, Value b) { return step(StepKind::kOrIfZero, a, b); }
  Value or_if_nan(Value a, Value b) { return step(StepKind::kOrIfNan, a, b); }
  Value or_if_not_finite(Value a, Value b) { return step(StepKind::kOrIfNotFinite, a, b); }
  Value round_integer(Value a) { return step(StepKind::kRoundInteger, a, a); }
  Value power_of_two(Value a) { return step(StepKind::kPowerOfTwo, a, a); }
  Value raise_to_power(Value a) { return step(StepKind::kRaiseToPower, a, a); }

  /// In binary32 nothing is to be rounded.
  Value round(Value a, Coding coding) {
    if (coding.format == Format::kF32) return a;
    RecipeStep made{StepKind::kRound, reference(a), reference(a)};
    made.coding = coding;
    return step(made);
  }
  Value exponent(Value a, float addend) {
    return step({StepKind::kExponent, reference(a), reference(a), addend});
  }
  Value require_finite(Value a, Refusal refusal) { return require(StepKind::kRequireFinite, a, refusal); }
  Value require_nonzero(Value a, Refusal refusal) { return require(StepKind::kRequireNonzero, a, refusal); }

  /// The recipe, whose last value is `last`.
  Recipe finish(Value last, Result result) {
    if (last.is_step ? last.index + 1U != recipe_.steps.size()
                     : !recipe_.steps.empty() || last.index + 1U != recipe_.inputs.size())
      maximum(last, last);
    const auto inputs = static_cast<std::uint16_t>(recipe_.inputs.size());
    for (RecipeStep& s : recipe_.steps) {
      if (s.kind == StepKind::kConstant) continue;
      s.a = resolved(s.a, inputs);
      s.b = resolved(s.b, inputs);
    }
    recipe_.result = std::move(result);
    return std::move(recipe_);
  }

 private:
  static constexpr std::uint16_t kStep = 0x8000;
  static std::uint16_t reference(Value v) {
    return v.is_step ? static_cast<std::uint16_t>(v.index | kStep) : v.index;
  }
  static std::uint16_t resolved(std::uint16_t reference, std::uint16_t inputs) {
    return (reference & kStep) != 0 ? static_cast<std::uint16_t>((reference & ~kStep) + inputs) : reference;
  }
  Value step(RecipeStep made) {
    recipe_.steps.push_back(made);
    return {static_cast<std::uint16_t>(recipe_.steps.size() - 1), true};
  }
  Value step(StepKind kind, Value a, Value b) { return step({kind, reference(a), reference(b)}); }
  Value require(StepKind kind, Value a, Refusal refusal) {
    RecipeStep made{kind, reference(a), reference(a)};
    made.refusal = refusal;
    return step(made);
  }

  Recipe recipe_;
};

}  // namespace tenon
