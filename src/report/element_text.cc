// How one element of a tensor is shown to a person.

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>

#include "report/diff_report.h"

namespace tenon {
namespace {

// "0x3f80" as a number of that many bits, nothing where it is none.
template <typename Bits>
std::optional<Bits> bits_of(std::string_view hex) {
  Bits bits = 0;
  if (!hex.starts_with("0x") || hex.size() != 2 + 2 * sizeof(Bits)) return std::nullopt;
  hex.remove_prefix(2);
  const auto [end, failed] = std::from_chars(hex.data(), hex.data() + hex.size(), bits, 16);
  return failed == std::errc() && end == hex.data() + hex.size() ? std::optional(bits) : std::nullopt;
}

template <typename T, typename Bits>
std::string number(std::string_view hex) {
  const auto bits = bits_of<Bits>(hex);
  return bits ? fmt::format("{}", std::bit_cast<T>(*bits)) : "";
}

// IEEE 754 binary16: 1 bit of sign, 5 of exponent, 10 of fraction.
float half(std::uint16_t bits) {
  const int exponent = bits >> 10 & 0x1f;
  const int fraction = bits & 0x3ff;
  float magnitude =
      std::ldexp(static_cast<float>(exponent == 0 ? fraction : fraction | 0x400), std::max(exponent, 1) - 25);
  if (exponent == 0x1f) magnitude = fraction == 0 ? INFINITY : NAN;
  return bits >> 15 != 0 ? -magnitude : magnitude;
}

std::string f16_number(std::string_view hex) {
  const auto bits = bits_of<std::uint16_t>(hex);
  return bits ? fmt::format("{}", half(*bits)) : "";
}

std::string bf16_number(std::string_view hex) {
  const auto bits = bits_of<std::uint16_t>(hex);
  return bits ? fmt::format("{}", std::bit_cast<float>(static_cast<std::uint32_t>(*bits) << 16)) : "";
}

std::string value_of(DType dtype, std::string_view hex) {
  switch (dtype) {
    case DType::kI8:
      return number<std::int8_t, std::uint8_t>(hex);
    case DType::kBool:
    case DType::kU8:
      return number<std::uint8_t, std::uint8_t>(hex);
    case DType::kI16:
      return number<std::int16_t, std::uint16_t>(hex);
    case DType::kU16:
      return number<std::uint16_t, std::uint16_t>(hex);
    case DType::kI32:
      return number<std::int32_t, std::uint32_t>(hex);
    case DType::kU32:
      return number<std::uint32_t, std::uint32_t>(hex);
    case DType::kI64:
      return number<std::int64_t, std::uint64_t>(hex);
    case DType::kU64:
      return number<std::uint64_t, std::uint64_t>(hex);
    case DType::kF16:
      return f16_number(hex);
    case DType::kBF16:
      return bf16_number(hex);
    case DType::kF32:
      return number<float, std::uint32_t>(hex);
    case DType::kF64:
      return number<double, std::uint64_t>(hex);
    default:
      return "";
  }
}

}  // namespace

std::string index_text(const Shape& shape, std::uint64_t element) {
  Shape index(shape.size(), 0);
  for (std::size_t i = shape.size(); i-- > 0;) {
    const auto extent = static_cast<std::uint64_t>(shape[i]);
    if (extent == 0) break;
    index[i] = static_cast<std::int64_t>(element % extent);
    element /= extent;
  }
  return to_string(index);
}

std::string element_text(DType dtype, const std::string& hex) {
  const std::string value = value_of(dtype, hex);
  return value.empty() ? hex : fmt::format("{} ({})", value, hex);
}

}  // namespace tenon
