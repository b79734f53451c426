#include "tasks/element_statistics.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace tenon {
namespace {

// A binary format with a sign, `exponent` and `fraction` bits; of E4M3 the largest exponent holds numbers,
// but for the one code that is NaN.
double float_of(std::uint64_t code, int exponent_bits, int fraction_bits, bool has_infinity) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = static_cast<int>(code >> fraction_bits) & ((1 << exponent_bits) - 1);
  const auto fraction = static_cast<int>(code & ((1U << fraction_bits) - 1));
  const bool negative = (code >> (exponent_bits + fraction_bits) & 1) != 0;
  const bool is_last = exponent == (1 << exponent_bits) - 1;
  double magnitude = 0;
  if (is_last && has_infinity) {
    magnitude = fraction == 0 ? INFINITY : NAN;
  } else if (is_last && fraction == (1 << fraction_bits) - 1) {
    magnitude = NAN;
  } else {
    const int whole = exponent == 0 ? fraction : fraction + (1 << fraction_bits);
    magnitude = std::ldexp(whole, std::max(exponent, 1) - bias - fraction_bits);
  }
  return negative ? -magnitude : magnitude;
}

template <typename T>
double number_at(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return static_cast<double>(value);
}

template <typename Code>
std::uint64_t code_at(const std::byte* at) {
  Code code;
  std::memcpy(&code, at, sizeof(Code));
  return code;
}

using NumberAt = double (*)(const std::byte* at);

// nullptr of dtypes that are no plain numbers.
NumberAt number_of_dtype(DType dtype) {
  switch (dtype) {
    case DType::kBool:
    case DType::kU8:
      return number_at<std::uint8_t>;
    case DType::kI8:
      return number_at<std::int8_t>;
    case DType::kU16:
      return number_at<std::uint16_t>;
    case DType::kI16:
      return number_at<std::int16_t>;
    case DType::kU32:
      return number_at<std::uint32_t>;
    case DType::kI32:
      return number_at<std::int32_t>;
    case DType::kU64:
      return number_at<std::uint64_t>;
    case DType::kI64:
      return number_at<std::int64_t>;
    case DType::kF32:
      return number_at<float>;
    case DType::kF64:
      return number_at<double>;
    case DType::kF16:
      return [](const std::byte* at) { return float_of(code_at<std::uint16_t>(at), 5, 10, true); };
    case DType::kBF16:
      return [](const std::byte* at) { return float_of(code_at<std::uint16_t>(at), 8, 7, true); };
    case DType::kF8E4M3:
      return [](const std::byte* at) { return float_of(code_at<std::uint8_t>(at), 4, 3, false); };
    case DType::kF8E5M2:
      return [](const std::byte* at) { return float_of(code_at<std::uint8_t>(at), 5, 2, true); };
    default:
      return nullptr;
  }
}

std::uint64_t differing_parts(std::span<const std::byte> a, std::span<const std::byte> b,
                              std::uint64_t bits) {
  std::uint64_t count = 0;
  for (std::uint64_t place = 0; place < a.size() * 8; place += bits) {
    bool differs = false;
    for (std::uint64_t bit = place; bit < place + bits; ++bit) {
      const std::byte mask{static_cast<unsigned char>(1U << (bit % 8))};
      differs = differs || ((a[bit / 8] ^ b[bit / 8]) & mask) != std::byte{0};
    }
    count += differs ? 1 : 0;
  }
  return count;
}

}  // namespace

ElementStatistics element_statistics(DType dtype, std::span<const std::byte> a,
                                     std::span<const std::byte> b) {
  ElementStatistics out;
  const auto bits = static_cast<std::uint64_t>(bits_of(dtype));
  out.elements = a.size() * 8 / bits;
  if (bits < 8) {
    out.differing = differing_parts(a, b, bits);
    return out;
  }
  const NumberAt number = number_of_dtype(dtype);
  const std::uint64_t size = bits / 8;
  double largest = 0;
  for (std::uint64_t at = 0; at < a.size(); at += size) {
    if (std::memcmp(a.data() + at, b.data() + at, size) == 0) continue;
    ++out.differing;
    if (number == nullptr || std::isnan(largest)) continue;
    const double difference = std::abs(number(a.data() + at) - number(b.data() + at));
    if (std::isnan(difference) || difference > largest) largest = difference;
  }
  if (number != nullptr) out.largest = largest;
  return out;
}

}  // namespace tenon
