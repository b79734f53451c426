#include "values/apply_step.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "values/lane_clones.h"

namespace tenon::lanes {
namespace {

float raise_to_power(float x) {
  const auto bits = static_cast<std::int32_t>(bits_of(x));
  const std::int32_t up = (bits + 0x7F'FFFF) & 0x7F80'0000;
  const std::int32_t bounded = up < 0x7F00'0000 && bits < 0x7F00'0000 ? up : 0x7F00'0000;
  const std::int32_t normal = bits <= 0x0080'0000 ? 0x0080'0000 : bounded;
  return from_bits(static_cast<std::uint32_t>(bits <= 0x0040'0000 ? 0x0040'0000 : normal));
}

bool is_finite(float x) {
  return (bits_of(x) & 0x7FFF'FFFFU) < 0x7F80'0000U;
}

template <class F>
void each(std::size_t count, float* out, const F& f) {
  for (std::size_t i = 0; i < count; ++i) out[i] = f(i);
}

// Both numbers are read before one is chosen, so that choices become vectors.
template <class F>
void each_pair(std::size_t count, const float* a, const float* b, float* out, const F& f) {
  for (std::size_t i = 0; i < count; ++i) {
    const float x = a[i];
    const float y = b[i];
    out[i] = f(x, y);
  }
}

// Rounds to a dtype and back.
template <class Round>
void each_rounded(std::size_t count, const float* a, float* out, const Round& round) {
  std::uint32_t over = 0;
  for (std::size_t i = 0; i < count; ++i) out[i] = round(a[i], over);
}

TENON_LANE_CLONES
bool round_lanes(Coding coding, const float* a, float* out, std::size_t count) {
  using Over = std::uint32_t&;
  switch (coding.format) {
    case Format::kF32:
      std::copy_n(a, count, out);
      return true;
    case Format::kBF16:
      each_rounded(count, a, out, [](float x, Over over) { return decode_bf16(encode_bf16(x, over)); });
      return true;
    case Format::kF16:
      each_rounded(count, a, out, [](float x, Over over) { return decode_f16(encode_f16(x, over)); });
      return true;
    case Format::kE4M3:
      each_rounded(count, a, out, [](float x, Over over) { return decode_e4m3(encode_e4m3(x, 0x7E, over)); });
      return true;
    case Format::kE5M2:
      each_rounded(count, a, out, [](float x, Over over) { return kE5M2[encode_e5m2(x, over)]; });
      return true;
    default:
      return false;
  }
}

TENON_LANE_CLONES
void compute_lanes(const RecipeStep& step, const float* a, const float* b, float* out, std::size_t count) {
  switch (step.kind) {
    case StepKind::kConstant:
      std::fill_n(out, count, step.value);
      break;
    case StepKind::kAdd:
      each_pair(count, a, b, out, [](float x, float y) { return x + y; });
      break;
    case StepKind::kSubtract:
      each_pair(count, a, b, out, [](float x, float y) { return x - y; });
      break;
    case StepKind::kMultiply:
      each_pair(count, a, b, out, [](float x, float y) { return x * y; });
      break;
    case StepKind::kDivide:
      each_pair(count, a, b, out, [](float x, float y) { return x / y; });
      break;
    case StepKind::kMinimum:
      each_pair(count, a, b, out, [](float x, float y) { return y < x ? y : x; });
      break;
    case StepKind::kMaximum:
      each_pair(count, a, b, out, [](float x, float y) { return y > x ? y : x; });
      break;
    case StepKind::kMagnitude:
      each(count, out, [=](std::size_t i) { return std::fabs(a[i]); });
      break;
    case StepKind::kRoundInteger:
      each(count, out, [=](std::size_t i) { return round_whole(a[i]); });
      break;
    case StepKind::kOrIfZero:
      each_pair(count, a, b, out, [](float x, float y) { return x == 0 ? y : x; });
      break;
    case StepKind::kOrIfNan:
      each_pair(count, a, b, out, [](float x, float y) { return x != x ? y : x; });
      break;
    case StepKind::kOrIfNotFinite:
      each_pair(count, a, b, out, [](float x, float y) { return is_finite(x) ? x : y; });
      break;
    case StepKind::kExponent:
      each(count, out, [=, addend = static_cast<std::uint32_t>(step.value)](std::size_t i) {
        return static_cast<float>(static_cast<std::int32_t>(((bits_of(a[i]) & 0x7FFF'FFFF) + addend) >> 23));
      });
      break;
    case StepKind::kPowerOfTwo:
      each(count, out, [=](std::size_t i) {
        return decode_e8m0(static_cast<std::uint32_t>(static_cast<std::int32_t>(a[i])));
      });
      break;
    case StepKind::kRaiseToPower:
      each(count, out, [=](std::size_t i) { return raise_to_power(a[i]); });
      break;
    case StepKind::kRound:
    case StepKind::kRequireFinite:
    case StepKind::kRequireNonzero:
      break;
  }
}

}  // namespace

std::optional<std::size_t> apply(const RecipeStep& step, const float* a, const float* b, float* out,
                                 std::size_t count) {
  if (step.kind == StepKind::kRound) {
    if (!round_lanes(step.coding, a, out, count))
      throw std::logic_error("a recipe rounds to " + to_string(step.coding));
    return std::nullopt;
  }
  if (step.kind != StepKind::kRequireFinite && step.kind != StepKind::kRequireNonzero) {
    compute_lanes(step, a, b, out, count);
    return std::nullopt;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const bool good = step.kind == StepKind::kRequireFinite ? is_finite(a[i]) : a[i] != 0;
    if (!good) return i;
    out[i] = a[i];
  }
  return std::nullopt;
}

std::optional<std::size_t> apply(const RecipeStep& step, const Wide* a, const Wide* b, Wide* out,
                                 std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    switch (step.kind) {
      case StepKind::kConstant:
        out[i] = step.value;
        break;
      case StepKind::kAdd:
        out[i] = a[i] + b[i];
        break;
      case StepKind::kSubtract:
        out[i] = a[i] - b[i];
        break;
      default:
        throw std::logic_error("a recipe computes in wide lanes");
    }
  }
  return std::nullopt;
}

}  // namespace tenon::lanes
