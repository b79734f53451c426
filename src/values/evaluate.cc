#include "values/evaluate.h"

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace tenon {
namespace {

// Wide enough for every 64-bit integer and every F64, exactly.
using Real = long double;

constexpr Real kNan = std::numeric_limits<Real>::quiet_NaN();
constexpr Real kInfinity = std::numeric_limits<Real>::infinity();

// A small float by its definition: sign, exponent and fraction.
struct Shape754 {
  int exponent_bits;
  int fraction_bits;
  Real largest;
  bool has_infinity;
};

std::optional<Shape754> shape_of(Format format) {
  switch (format) {
    case Format::kF64:
      return Shape754{11, 52, std::numeric_limits<double>::max(), true};
    case Format::kF32:
      return Shape754{8, 23, std::numeric_limits<float>::max(), true};
    case Format::kF16:
      return Shape754{5, 10, 65504, true};
    case Format::kBF16:
      return Shape754{8, 7, 0x1.FEp127L, true};
    case Format::kE4M3:
      return Shape754{4, 3, 448, false};
    case Format::kE5M2:
      return Shape754{5, 2, 57344, true};
    default:
      return std::nullopt;
  }
}

Real decode(Coding coding, std::uint64_t code) {
  if (coding.format == Format::kUnsigned) return static_cast<Real>(code);
  if (coding.format == Format::kSigned) {
    const std::uint64_t top = std::uint64_t{1} << (coding.bits - 1);
    return (code & top) != 0 ? static_cast<Real>(code - top) - static_cast<Real>(top)
                             : static_cast<Real>(code);
  }
  if (coding.format == Format::kE8M0)
    return code == 255 ? kNan : std::ldexp(Real{1}, static_cast<int>(code) - 127);
  if (coding.format == Format::kE2M1) {
    static constexpr std::array<Real, 8> kMagnitudes = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
    return code >= 8 ? -kMagnitudes[code - 8] : kMagnitudes[code];
  }
  const Shape754 s = *shape_of(coding.format);
  const int bias = (1 << (s.exponent_bits - 1)) - 1;
  const auto fraction = static_cast<Real>(code & ((std::uint64_t{1} << s.fraction_bits) - 1));
  const auto exponent = static_cast<int>((code >> s.fraction_bits) & ((1U << s.exponent_bits) - 1));
  const bool negative = ((code >> (s.fraction_bits + s.exponent_bits)) & 1) != 0;
  Real value = exponent == 0 ? std::ldexp(fraction, 1 - bias - s.fraction_bits)
                             : std::ldexp(fraction + std::ldexp(Real{1}, s.fraction_bits),
                                          exponent - bias - s.fraction_bits);
  if (is_nan_code(coding, code))
    value = kNan;
  else if (s.has_infinity && exponent == (1 << s.exponent_bits) - 1)
    value = kInfinity;
  return negative ? -value : value;
}

// Where a magnitude lies between two numbers of the format, the nearer, or the even one of both.
Real round_to(const Shape754& s, Real x) {
  if (!std::isfinite(x) || x == 0) return x;
  const int bias = (1 << (s.exponent_bits - 1)) - 1;
  int exponent = 0;
  std::frexp(x, &exponent);
  const int unit = std::max(exponent - 1, 1 - bias) - s.fraction_bits;
  return std::ldexp(std::nearbyint(std::ldexp(x, -unit)), unit);
}

std::uint64_t code_of(const Shape754& s, Real magnitude) {
  const int bias = (1 << (s.exponent_bits - 1)) - 1;
  if (magnitude == 0) return 0;
  int exponent = 0;
  std::frexp(magnitude, &exponent);
  const int biased = std::max(exponent - 1 + bias, 0);
  const int unit = std::max(exponent - 1, 1 - bias) - s.fraction_bits;
  const auto steps = static_cast<std::uint64_t>(std::ldexp(magnitude, -unit));
  const std::uint64_t leading = biased == 0 ? 0 : std::uint64_t{1} << s.fraction_bits;
  return (static_cast<std::uint64_t>(biased) << s.fraction_bits) + (steps - leading);
}

struct Encoded {
  std::uint64_t code = 0;
  bool beyond = false;
};

Encoded encode_float(Coding coding, Real x, Overflow overflow) {
  const Shape754 s = *shape_of(coding.format);
  const std::uint64_t sign = std::signbit(x) ? std::uint64_t{1} << (coding.bits - 1) : 0;
  if (std::isnan(x)) return {canonical_nan(coding) | sign, false};
  const Real magnitude = std::fabs(round_to(s, x));
  const std::uint64_t infinity = ((std::uint64_t{1} << s.exponent_bits) - 1) << s.fraction_bits;
  if (magnitude <= s.largest) return {sign | code_of(s, magnitude), false};
  if (s.has_infinity) return {sign | infinity, std::isfinite(x)};
  return {sign | (overflow == Overflow::kNan ? canonical_nan(coding) : code_of(s, s.largest)), true};
}

Encoded encode_e8m0(Real x) {
  if (std::isnan(x)) return {255, false};
  const Real magnitude = std::fabs(x);
  if (std::isinf(x)) return {255, true};
  if (magnitude == 0) return {0, true};
  // What is above 2^-127 becomes 2^-126; from there on half as much again is the next power.
  const Real first = std::ldexp(Real{1}, -126);
  std::uint64_t code = 0;
  if (magnitude < first) {
    code = magnitude > std::ldexp(Real{1}, -127) ? 1 : 0;
  } else {
    int exponent = 0;
    const Real fraction = std::frexp(magnitude, &exponent);
    code = static_cast<std::uint64_t>(exponent) + 126 + (fraction >= 0.75L ? 1 : 0);
  }
  return {code, code == 255 || x <= 0};
}

Encoded encode_e2m1(Real x, Ties ties) {
  const Real magnitude = std::fabs(x);
  std::uint64_t best = 0;
  for (std::uint64_t code = 1; code < 8; ++code) {
    const Real here = std::fabs(magnitude - decode({Format::kE2M1, 4}, code));
    const Real there = std::fabs(magnitude - decode({Format::kE2M1, 4}, best));
    if (here < there || (here == there && (ties == Ties::kAway || code % 2 == 0))) best = code;
  }
  if (magnitude > 6) best = 7;  // and so far beyond that differences round to the same
  return {best | (std::signbit(x) && !std::isnan(x) ? 8U : 0U), false};
}

Real least(Coding coding) {
  return coding.format == Format::kSigned ? -std::ldexp(Real{1}, coding.bits - 1) : Real{0};
}
Real most(Coding coding) {
  return std::ldexp(Real{1}, coding.format == Format::kSigned ? coding.bits - 1 : coding.bits) - 1;
}

float as_float(Real x) {
  return static_cast<float>(x);
}

// 64-bit significands round a quotient or product of two binary32 to 24 bits without a second rounding that
// shows: they have more than twice as many and two.
Real step_value(const RecipeStep& step, Real a, Real b) {
  switch (step.kind) {
    case StepKind::kConstant:
      return step.value;
    case StepKind::kAdd:
      return as_float(a + b);
    case StepKind::kSubtract:
      return as_float(a - b);
    case StepKind::kMultiply:
      return as_float(a * b);
    case StepKind::kDivide:
      return as_float(a / b);
    case StepKind::kMinimum:
      return b < a ? b : a;
    case StepKind::kMaximum:
      return b > a ? b : a;
    case StepKind::kMagnitude:
      return std::fabs(a);
    case StepKind::kRound:
      return decode(step.coding, encode_float(step.coding, a, Overflow::kTorch).code);
    case StepKind::kRoundInteger:
      return std::nearbyint(a);
    case StepKind::kOrIfZero:
      return a == 0 ? b : a;
    case StepKind::kOrIfNan:
      return std::isnan(a) ? b : a;
    case StepKind::kOrIfNotFinite:
      return std::isfinite(a) ? a : b;
    case StepKind::kExponent: {
      const Encoded bits = encode_float({Format::kF32, 32}, std::fabs(a), Overflow::kTorch);
      return std::floor((static_cast<Real>(bits.code) + step.value) / 8388608.0L);
    }
    case StepKind::kPowerOfTwo:
      return std::ldexp(Real{1}, static_cast<int>(a) - 127);
    case StepKind::kRaiseToPower: {
      int exponent = 0;
      const Real fraction = std::frexp(a, &exponent);
      return std::ldexp(Real{1}, std::min(std::max(fraction == 0.5L ? exponent - 1 : exponent, -127), 127));
    }
    case StepKind::kRequireFinite:
    case StepKind::kRequireNonzero:
      return a;
  }
  return 0;
}

}  // namespace

class Evaluator {
 public:
  Evaluator(const Recipe& recipe, const Nest& nest, std::uint64_t index, EvaluationMemory* memory)
      : recipe_(recipe), nest_(nest), index_(index), memory_(memory), digits_(nest.extents.size()) {
    std::uint64_t rest = index;
    for (std::size_t i = digits_.size(); i-- > 0;) {
      digits_[i] = static_cast<std::int64_t>(rest % static_cast<std::uint64_t>(nest.extents[i]));
      rest /= static_cast<std::uint64_t>(nest.extents[i]);
    }
  }

  Evaluated run() {
    Evaluated out;
    const std::vector<std::int16_t>& fields = recipe_.result.fields;
    for (std::size_t field = 0; field < std::max<std::size_t>(fields.size(), 1) && !out.refused; ++field) {
      const std::uint64_t code = code_at(field);
      const int shift = fields.empty() ? 0 : fields[field];
      out.element |= shift >= 0 ? code << shift : code >> -shift;
      out.refused = refused_;
    }
    const int bits = recipe_.result.element_bits;
    if (bits < 64) out.element &= (std::uint64_t{1} << bits) - 1;
    return out;
  }

 private:
  bool wide() const {
    for (const Input& input : recipe_.inputs) {
      if (!fits_float(input.coding)) return true;
    }
    return false;
  }

  std::uint64_t bits_at(const NestOperand& operand, std::int64_t place, int count) const {
    std::uint64_t value = 0;
    for (int i = 0; i < count; ++i) {
      const auto at = static_cast<std::uint64_t>(place + i);
      if (place + i < 0 || at / 8 >= operand.size) throw std::logic_error("an operand leaves its tensor");
      const auto byte = static_cast<std::uint64_t>(operand.bytes[at / 8]);
      value |= (byte >> (at % 8) & 1) << i;
    }
    return value;
  }

  void refuse(Refusal refusal, int input, Real value) {
    if (!refused_) refused_ = Refused{refusal, index_, input, static_cast<double>(value)};
  }

  Real number(std::size_t index, std::int64_t place) {
    const Input& input = recipe_.inputs[index];
    const std::uint64_t code = bits_at(nest_.operands[index], place, input.coding.bits);
    const Real value = decode(input.coding, code);
    const auto which = static_cast<int>(index);
    const bool finite = std::isfinite(value);
    if (input.demand == Demand::kScale && !(finite && value > 0)) refuse(Refusal::kScale, which, value);
    if (input.demand == Demand::kScaleOrZero && !(finite && value >= 0))
      refuse(Refusal::kScale, which, value);
    if (input.demand == Demand::kFinite && !finite) refuse(Refusal::kNonfinite, which, value);
    if (input.demand == Demand::kNotAllOnes && value == most(input.coding))
      refuse(Refusal::kAmbiguous, which, value);
    return value;
  }

  Real fold(std::size_t index, std::int64_t place) {
    std::optional<Real> value;
    if (memory_ == nullptr) {
      fold(index, 0, place, value);
      return value.value_or(0);
    }
    const EvaluationMemory::Block block{index, nest_.operands[index].bytes, place};
    const auto found = memory_->folds_.find(block);
    if (found != memory_->folds_.end()) return found->second;
    fold(index, 0, place, value);
    if (memory_->folds_.size() >= EvaluationMemory::kMostFolds) memory_->folds_.clear();
    if (!refused_) memory_->folds_.emplace(block, static_cast<double>(value.value_or(0)));
    return value.value_or(0);
  }

  void fold(std::size_t index, std::size_t depth, std::int64_t place, std::optional<Real>& out) {
    const Input& input = recipe_.inputs[index];
    if (depth < input.block.size()) {
      for (std::int64_t i = 0; i < input.block[depth].extent; ++i)
        fold(index, depth + 1, place + i * input.block[depth].stride, out);
      return;
    }
    Real value = number(index, place);
    if (input.fold == Fold::kLargest) value = std::fabs(value);
    if (!out || (input.fold == Fold::kMinimum ? value < *out : value > *out)) out = value;
  }

  std::int64_t place_of(std::size_t i, std::size_t field) const {
    std::int64_t place = nest_.operands[i].offset;
    for (std::size_t loop = 0; loop < digits_.size(); ++loop)
      place += digits_[loop] * nest_.operands[i].strides[loop];
    return recipe_.inputs[i].by_field.empty() ? place : place + recipe_.inputs[i].by_field[field];
  }

  // Every operation is a function of the codes, and of what was found in blocks.
  std::uint64_t code_at(std::size_t field) {
    if (memory_ == nullptr || recipe_.inputs.empty()) return worked_out(field);
    codes_.clear();
    std::uint64_t hash = 0;
    for (std::size_t i = 0; i < recipe_.inputs.size(); ++i) {
      const std::int64_t place = place_of(i, field);
      const bool element = recipe_.inputs[i].fold == Fold::kElement;
      codes_.push_back(element ? bits_at(nest_.operands[i], place, recipe_.inputs[i].coding.bits)
                               : std::bit_cast<std::uint64_t>(static_cast<double>(fold(i, place))));
      hash = (hash ^ codes_.back()) * 0x9E37'79B9'7F4A'7C15ULL;
    }
    auto& recent = memory_->recent_[hash >> 51];
    if (recent.codes == codes_) return recent.result;
    const std::uint64_t code = worked_out(field);
    if (!refused_) recent = {codes_, code};
    return code;
  }

  std::uint64_t worked_out(std::size_t field) {
    std::vector<Real> values;
    for (std::size_t i = 0; i < recipe_.inputs.size(); ++i) {
      const std::int64_t place = place_of(i, field);
      values.push_back(recipe_.inputs[i].fold == Fold::kElement ? number(i, place) : fold(i, place));
    }
    for (const RecipeStep& step : recipe_.steps) {
      const bool constant = step.kind == StepKind::kConstant;
      const Real value = step_value(step, constant ? 0 : values[step.a], constant ? 0 : values[step.b]);
      if (step.kind == StepKind::kRequireFinite && !std::isfinite(value)) refuse(step.refusal, -1, value);
      if (step.kind == StepKind::kRequireNonzero && value == 0) refuse(step.refusal, -1, value);
      values.push_back(value);
    }
    return encode(values.back(), values.front());
  }

  std::uint64_t encode(Real value, Real first) {
    const Result& result = recipe_.result;
    Encoded encoded;
    if (is_integer(result.coding)) {
      const bool whole = std::isfinite(value) && std::nearbyint(value) == value;
      const bool within = value >= least(result.coding) && value <= most(result.coding);
      if (!whole || !within) {
        refuse(whole ? Refusal::kRange : Refusal::kInexact, -1, value);
        return 0;
      }
      encoded.code = value < 0 ? ~static_cast<std::uint64_t>(-value) + 1 : static_cast<std::uint64_t>(value);
      if (result.coding.bits < 64) encoded.code &= (std::uint64_t{1} << result.coding.bits) - 1;
    } else if (result.coding.format == Format::kF64) {
      encoded = encode_float(result.coding, value, result.overflow);
    } else {
      Real narrow = value;
      if (wide()) {  // by way of binary32
        const Encoded single = encode_float({Format::kF32, 32}, value, result.overflow);
        encoded.beyond = single.beyond;
        narrow = decode({Format::kF32, 32}, single.code);
      }
      const bool beyond = encoded.beyond;
      if (result.coding.format == Format::kE8M0)
        encoded = encode_e8m0(narrow);
      else if (result.coding.format == Format::kE2M1)
        encoded = encode_e2m1(narrow, result.ties);
      else
        encoded = encode_float(result.coding, narrow, result.overflow);
      encoded.beyond = encoded.beyond || beyond;
    }
    if (encoded.beyond && result.overflow == Overflow::kError) refuse(Refusal::kRange, -1, value);
    if (result.exact) check_exact(encoded.code, first);
    return encoded.code;
  }

  // The first input, and what the code says of it.
  void check_exact(std::uint64_t code, Real first) {
    const Coding from = recipe_.inputs.front().coding;
    Real back = decode(recipe_.result.coding, code);
    if (is_integer(from)) {
      if (!std::isfinite(back) || std::nearbyint(back) != back) return refuse(Refusal::kInexact, 0, first);
      if (back < least(from) || back > most(from)) return refuse(Refusal::kRange, 0, first);
    }
    const bool same = back == first && std::signbit(back) == std::signbit(first);
    const bool both_nan = std::isnan(back) && std::isnan(first);
    if (!same && !both_nan) refuse(Refusal::kInexact, 0, first);
  }

  const Recipe& recipe_;
  const Nest& nest_;
  std::uint64_t index_;
  EvaluationMemory* memory_;
  std::vector<std::int64_t> digits_;
  std::vector<std::uint64_t> codes_;
  std::optional<Refused> refused_;
};

Evaluated evaluate(const Recipe& recipe, const Nest& nest, std::uint64_t index, EvaluationMemory* memory) {
  return Evaluator(recipe, nest, index, memory).run();
}

}  // namespace tenon
