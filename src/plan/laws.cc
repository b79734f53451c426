#include "plan/laws.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "options/value_types.h"
#include "rules/operations/value_step.h"

namespace tenon {
namespace {

// Rounding to nearest: by how much of itself a number moves, and by how much where steps stop shrinking.
struct Rounding {
  double unit = 0;
  double tiny = 0;
};

std::optional<Rounding> rounding_to(DType dtype) {
  switch (dtype) {
    case DType::kF64:
      return Rounding{0x1p-53, 0x1p-1074};
    case DType::kF32:
      return Rounding{0x1p-24, 0x1p-150};
    case DType::kBF16:
      return Rounding{0x1p-8, 0x1p-134};
    case DType::kF16:
      return Rounding{0x1p-11, 0x1p-25};
    case DType::kF8E4M3:
      return Rounding{0x1p-4, 0x1p-10};
    case DType::kF8E5M2:
      return Rounding{0x1p-3, 0x1p-17};
    default:
      return std::nullopt;
  }
}

class LawOf {
 public:
  explicit LawOf(const Derivation& d)
      : d_(d), name_(d.step->value().name), parameters_(d.step->parameters()) {}

  std::optional<Law> of_codes() const {
    const auto weight = d_.inputs.find("weight");
    if (weight == d_.inputs.end() || d_.inputs.size() != 1) return std::nullopt;
    const DType dtype = weight->second.dtype;
    // In F16 scales underflow, and a largest number that is rounded up is none that F16 has.
    if (dtype != DType::kF32 && dtype != DType::kBF16) return std::nullopt;
    const auto number = rounding_to(dtype);
    const double u = number->unit;
    if (name_ == "Fp8Quantize") return of_fp8(dtype, *number);
    if (name_ == "Mxfp4Quantize") return of_fp4(word("scale", "rceil"), *number);
    if (name_ == "PackedMxfp4Quantize") return of_fp4(word("scale", "even"), *number);
    if (name_ == "Mxfp8Quantize") return Law{(1 + 0x1p-3) * (1 + u) - 1, 0x1p-16, tiny(*number, 0x1p-128)};
    if (name_ == "ScaleQuantize" && word("type", "") == "float")
      return Law{(1 + 0x1p-4) * (1 + u) * (1 + u) + u - 1, 0x1p-17, tiny(*number, 0x1p-116)};
    if (name_ == "ScaleQuantize" || name_ == "PackedQuantize")
      return of_integers(static_cast<int>(whole("num_bits", 8)), *number);
    return std::nullopt;
  }

  // Rounded once on the way there; F64 goes by way of F32. On the way back nothing is rounded.
  std::optional<Law> of_cast() const {
    const DType from = d_.inputs.begin()->second.dtype;
    const DType to = d_.outputs.begin()->second.dtype;
    const auto wide = rounding_to(from);
    const auto narrow = rounding_to(to);
    if (!wide || !narrow || word("overflow", "error") != "error") return std::nullopt;
    // The largest numbers of F16 become 65536, which F16 does not have.
    if (from == DType::kF16 && to == DType::kBF16) return std::nullopt;
    const double by_way = from == DType::kF64 && to != DType::kF32 ? 0x1p-24 : 0.0;
    return Law{(1 + narrow->unit) * (1 + by_way) - 1, 0, narrow->tiny + wide->tiny};
  }

 private:
  std::string word(const char* name, const char* fallback) const {
    const auto found = parameters_.find(name);
    const auto* const value = found == parameters_.end() ? nullptr : std::get_if<std::string>(&found->second);
    return value == nullptr ? fallback : *value;
  }
  std::int64_t whole(const char* name, std::int64_t fallback) const {
    const auto found = parameters_.find(name);
    const auto* const value = found == parameters_.end() ? nullptr : std::get_if<double>(&found->second);
    return value == nullptr ? fallback : static_cast<std::int64_t>(*value);
  }
  bool flag(const char* name, bool fallback) const {
    const auto found = parameters_.find(name);
    const auto* const value = found == parameters_.end() ? nullptr : std::get_if<bool>(&found->second);
    return value == nullptr ? fallback : *value;
  }
  static double tiny(const Rounding& number, double of_scale) { return number.tiny + of_scale; }

  // Halves of a step are 2^-4 of a code, or 2^-10 below the normal ones, times a scale that is at most twice
  // the largest over 448. The scale itself errs by some roundings of F32.
  std::optional<Law> of_fp8(DType dtype, const Rounding& number) const {
    const auto scale = parameters_.find("scale_dtype");
    const bool half =
        scale != parameters_.end() && scale->second == ValueParameter(std::string(name_of(DType::kF16)));
    if (half) return std::nullopt;  // which underflow
    const double scales = 16 * 0x1p-24;
    const double codes = (1 + 0x1p-4) * (1 + scales);
    return Law{codes * (1 + (dtype == DType::kF32 ? 0x1p-24 : number.unit)) - 1, 0x1p-9 / 448 * (1 + 0x1p-6),
               tiny(number, 0x1p-116)};
  }

  // Halves of a step are at most a fifth of a number, or a quarter of the scale. By how the scale is chosen,
  // numbers beyond 6 times it become that, and it is a larger or smaller part of the largest.
  static std::optional<Law> of_fp4(const std::string& rule, const Rounding& number) {
    const double saturated = rule == "floor" ? 0.25 : 0.2;
    const double quarter = rule == "floor"  ? 1.0 / 16
                           : rule == "even" ? 1.0 / 14
                           : rule == "ceil" ? 1.0 / 8
                                            : 1.0 / 12;
    return Law{(1 + saturated) * (1 + number.unit) - 1, quarter, tiny(number, 0x1p-128)};
  }

  // Half a step, and what scale, quotient and zero point are rounded by, which moves the ends beyond the last
  // code: all in steps, of which the largest of the block has about half, or a quarter, of all there are.
  std::optional<Law> of_integers(int bits, const Rounding& number) const {
    const double u = number.unit;
    const double steps = std::exp2(bits) - 1;
    if (flag("symmetric", true)) {
      const double half = steps / 2;
      return Law{u, (1 / half + 4 * u) * (1 + 4 * u), tiny(number, 0x1p-116)};
    }
    return Law{u, (3 / steps + 16 * u) * (1 + 4 * u), tiny(number, 0x1p-116)};
  }

  const Derivation& d_;
  const std::string& name_;
  ValueParameters parameters_;
};

}  // namespace

std::optional<Law> law_of_cast(const Derivation& derivation) {
  return LawOf(derivation).of_cast();
}

std::optional<Law> law_of_codes(const Derivation& derivation) {
  return LawOf(derivation).of_codes();
}

std::string to_string(const Law& law) {
  const std::string relative = to_string(RelativeBound{law.relative});
  if (law.of_largest == 0) return fmt::format("within {} of themselves", relative);
  return fmt::format("within {} of themselves and {} of their block's largest", relative,
                     to_string(RelativeBound{law.of_largest}));
}

}  // namespace tenon
