#include "modules/number_format.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace tenon {
namespace {

// The precision (significant bits, the hidden one included) and the exponent range of a format.
struct Digits {
  int precision;
  int lowest;   // of the smallest normal number 2^lowest
  int highest;  // of the largest numbers, below 2^(highest + 1)
};

constexpr Digits digits_of(DType dtype) {
  switch (dtype) {
    case DType::kF16:
      return {11, -14, 15};
    case DType::kBF16:
      return {8, -126, 127};
    default:
      return {24, -126, 127};
  }
}

float from_half(std::uint16_t bits) {
  // Exponent and fraction at FP32's places are 2^112 too small as a number, subnormals included.
  const std::uint32_t size = (bits & 0x7fffU) << 13;
  const float value = std::bit_cast<float>(size) * 0x1p112F;
  // Infinity and NaN: all of FP32's exponent bits are set.
  const std::uint32_t out = size < 0x0f800000U ? std::bit_cast<std::uint32_t>(value) : size | 0x7f800000U;
  return std::bit_cast<float>(out | (bits & 0x8000U) << 16);
}

// Without branches, so that a loop over it becomes vectors.
float to_half(float value) {
  const float size = std::abs(value);
  // A normal number's last 13 bits are rounded away, ties to even.
  std::uint32_t bits = std::bit_cast<std::uint32_t>(size);
  bits += 0xfff + ((bits >> 13) & 1);
  const float normal = std::bit_cast<float>(bits & ~0x1fffU);
  // A subnormal one's last place is that of the numbers from 0.5 on.
  const float subnormal = size + 0.5F - 0.5F;
  float out = size < 0x1p-14F ? subnormal : normal;
  out = out >= 0x1p16F ? std::numeric_limits<float>::infinity() : out;
  return std::copysign(std::isnan(value) ? value : out, value);
}

template <typename T>
T element(std::span<const std::byte> bytes, std::size_t i) {
  T out;
  std::memcpy(&out, bytes.data() + i * sizeof(T), sizeof(T));
  return out;
}

}  // namespace

std::optional<NumberFormat> format_of(DType dtype) {
  if (dtype != DType::kF32 && dtype != DType::kF16 && dtype != DType::kBF16) return std::nullopt;
  const Digits layout = digits_of(dtype);
  NumberFormat out;
  out.dtype = dtype;
  out.unit_roundoff = std::ldexp(1.0, -layout.precision);
  out.smallest_subnormal = std::ldexp(1.0, layout.lowest - layout.precision + 1);
  out.largest = std::ldexp(2.0 - std::ldexp(1.0, 1 - layout.precision), layout.highest);
  return out;
}

double round_to(const NumberFormat& format, double value) {
  if (!std::isfinite(value) || value == 0) return value;
  const Digits layout = digits_of(format.dtype);
  const int exponent = std::max(std::ilogb(value), layout.lowest);
  // In units of the last place every number of the format is an integer; nearbyint() takes ties to even.
  const int unit = exponent - layout.precision + 1;
  const double rounded = std::ldexp(std::nearbyint(std::ldexp(value, -unit)), unit);
  if (std::abs(rounded) > format.largest)
    return std::copysign(std::numeric_limits<double>::infinity(), value);
  return rounded;
}

float round_to(const NumberFormat& format, float value) {
  switch (format.dtype) {
    case DType::kBF16: {
      if (!std::isfinite(value)) return value;
      auto bits = std::bit_cast<std::uint32_t>(value);
      bits += 0x7fff + ((bits >> 16) & 1);
      return std::bit_cast<float>(bits & 0xffff0000U);
    }
    case DType::kF16:
      return to_half(value);
    default:
      return value;
  }
}

std::uint64_t ulps_between(const NumberFormat& format, double a, double b) {
  // Numbers of the format counted from zero upward: monotone, one step a number.
  const auto place = [&](double value) -> std::int64_t {
    const Digits layout = digits_of(format.dtype);
    const double size = std::min(std::abs(value), std::ldexp(1.0, layout.highest + 1));
    if (size == 0) return 0;
    const int exponent = std::max(std::ilogb(size), layout.lowest);
    const auto significand = static_cast<std::int64_t>(std::ldexp(size, layout.precision - 1 - exponent));
    const std::int64_t steps =
        (static_cast<std::int64_t>(exponent - layout.lowest) << (layout.precision - 1)) + significand;
    return value < 0 ? -steps : steps;
  };
  const std::int64_t distance = place(a) - place(b);
  return static_cast<std::uint64_t>(distance < 0 ? -distance : distance);
}

bool decodes(DType dtype) {
  return dtype == DType::kF64 || format_of(dtype).has_value();
}

void decode(DType dtype, std::span<const std::byte> bytes, const NumberFormat& format, float* out) {
  const std::size_t count = bytes.size() * 8 / static_cast<std::size_t>(bits_of(dtype));
  switch (dtype) {
    case DType::kF32:
      std::memcpy(out, bytes.data(), bytes.size());
      break;
    case DType::kF64:
      for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<float>(element<double>(bytes, i));
      break;
    case DType::kBF16:
      for (std::size_t i = 0; i < count; ++i)
        out[i] = std::bit_cast<float>(static_cast<std::uint32_t>(element<std::uint16_t>(bytes, i)) << 16);
      break;
    case DType::kF16:
      for (std::size_t i = 0; i < count; ++i) out[i] = from_half(element<std::uint16_t>(bytes, i));
      break;
    default:
      throw std::logic_error("these bytes are no numbers");
  }
  if (dtype == format.dtype) return;
  for (std::size_t i = 0; i < count; ++i) out[i] = round_to(format, out[i]);
}

}  // namespace tenon
