#include "values/recipe.h"

#include <fmt/format.h>

namespace tenon {
namespace {

std::string letter(std::size_t index) {
  std::string out;
  for (std::size_t rest = index + 1; rest > 0; rest = (rest - 1) / 26)
    out.insert(out.begin(), static_cast<char>('a' + (rest - 1) % 26));
  return out;
}

std::string describe(const Input& input, std::size_t index) {
  static constexpr std::string_view kDemands[] = {"", " scale", " scale or 0", " finite", " not all ones"};
  static constexpr std::string_view kFolds[] = {"", "largest of ", "least of ", "most of "};
  std::string out = fmt::format("{} {}{}", to_string(input.coding),
                                kFolds[static_cast<std::size_t>(input.fold)], letter(index));
  for (const FoldLoop& loop : input.block) out += fmt::format(" {}x{}", loop.extent, loop.stride);
  if (!input.by_field.empty()) out += fmt::format(" +({})", fmt::join(input.by_field, ","));
  return out + std::string(kDemands[static_cast<std::size_t>(input.demand)]);
}

std::string describe(const RecipeStep& step) {
  const std::string a = letter(step.a);
  const std::string b = letter(step.b);
  switch (step.kind) {
    case StepKind::kConstant:
      return fmt::format("{:a}", step.value);
    case StepKind::kAdd:
      return a + " + " + b;
    case StepKind::kSubtract:
      return a + " - " + b;
    case StepKind::kMultiply:
      return a + " * " + b;
    case StepKind::kDivide:
      return a + " / " + b;
    case StepKind::kMinimum:
      return fmt::format("min({}, {})", a, b);
    case StepKind::kMaximum:
      return fmt::format("max({}, {})", a, b);
    case StepKind::kMagnitude:
      return fmt::format("|{}|", a);
    case StepKind::kRound:
      return fmt::format("{}({})", to_string(step.coding), a);
    case StepKind::kRoundInteger:
      return fmt::format("integer({})", a);
    case StepKind::kOrIfZero:
      return fmt::format("{}, {} if 0", a, b);
    case StepKind::kOrIfNan:
      return fmt::format("{}, {} if NaN", a, b);
    case StepKind::kOrIfNotFinite:
      return fmt::format("{}, {} if not finite", a, b);
    case StepKind::kExponent:
      return fmt::format("exponent({} + {:a})", a, step.value);
    case StepKind::kPowerOfTwo:
      return fmt::format("2^({} - 127)", a);
    case StepKind::kRaiseToPower:
      return fmt::format("2^ceil(log2({}))", a);
    case StepKind::kRequireFinite:
      return fmt::format("{}, {} if not finite", a, name_of(step.refusal));
    case StepKind::kRequireNonzero:
      return fmt::format("{}, {} if 0", a, name_of(step.refusal));
  }
  return "";
}

std::string describe(const Result& result) {
  static constexpr std::string_view kOverflow[] = {" or error", "", " or NaN"};
  std::string out = to_string(result.coding);
  out += kOverflow[static_cast<std::size_t>(result.overflow)];
  if (result.ties == Ties::kAway) out += " ties away";
  if (result.exact) out += " exact";
  if (!result.fields.empty())
    out += fmt::format(" at ({}) of {} bits", fmt::join(result.fields, ","), result.element_bits);
  return out;
}

}  // namespace

std::string_view name_of(Refusal refusal) {
  static constexpr std::string_view kNames[] = {"scale", "nonfinite", "range", "inexact", "ambiguous"};
  return kNames[static_cast<std::size_t>(refusal)];
}

bool is_copy(const Recipe& recipe) {
  return recipe.steps.empty() && recipe.inputs.size() == 1 &&
         recipe.inputs[0].coding == recipe.result.coding && recipe.inputs[0].fold == Fold::kElement &&
         recipe.inputs[0].demand == Demand::kNothing && recipe.result.fields.empty();
}

std::string to_string(const Recipe& recipe) {
  std::string out;
  for (std::size_t i = 0; i < recipe.inputs.size(); ++i)
    out += (i == 0 ? "" : ", ") + describe(recipe.inputs[i], i);
  for (std::size_t i = 0; i < recipe.steps.size(); ++i)
    out += fmt::format("; {} = {}", letter(recipe.inputs.size() + i), describe(recipe.steps[i]));
  return out + " -> " + describe(recipe.result);
}

}  // namespace tenon
