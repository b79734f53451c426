// Numbers in the lanes of the interpreter: to and from their codes by operations on bits, without branches,
// so that the compiler makes vectors of the loops. values/evaluate.cc has the same by arithmetic; the tests
// hold one against the other, exhaustively where a code has at most 16 bits.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace tenon::lanes {

constexpr float from_bits(std::uint32_t bits) {
  return std::bit_cast<float>(bits);
}
constexpr std::uint32_t bits_of(float x) {
  return std::bit_cast<std::uint32_t>(x);
}

inline float decode_bf16(std::uint32_t code) {
  return from_bits(code << 16);
}

// A binary16's fields stand 13 bits further left in a binary32, with an exponent that counts from 112 less.
inline float decode_f16(std::uint32_t code) {
  const float magnitude = from_bits((code & 0x7FFF) << 13) * 0x1p112F;
  const std::uint32_t special = (code & 0x7C00) == 0x7C00 ? 0x7F80'0000U : 0U;
  return from_bits(bits_of(magnitude) | special | ((code & 0x8000) << 16));
}

inline float decode_e8m0(std::uint32_t code) {
  const std::uint32_t power = code == 0 ? 0x0040'0000U : code << 23;
  return from_bits(code == 255 ? 0x7FC0'0000U : power);
}

// Below the smallest normal number, 2^-6, the fraction is put behind a one, which is then taken away; where a
// number would be 480 it is NaN. Floats are compared, not codes, which compilers would do in bytes.
inline float decode_e4m3(std::uint32_t code) {
  const std::uint32_t magnitude = code & 0x7F;
  const float normal = from_bits((magnitude << 20) + (120U << 23));
  const float small = from_bits((121U << 23) | (magnitude << 20)) - 0x1p-6F;
  const float finite = normal >= 0x1p-6F ? normal : small;
  const std::uint32_t bits = normal == 480.0F ? 0x7FC0'0000U : bits_of(finite);
  return from_bits(bits | (code & 0x80) << 24);
}

// Tables of the eight-bit floats and of E2M1, made from their definition in bits.
constexpr std::array<float, 256> make_small_floats(int fraction_bits, bool has_infinity) {
  std::array<float, 256> table{};
  const int exponent_bits = 7 - fraction_bits;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  for (std::uint32_t code = 0; code < 256; ++code) {
    const std::uint32_t magnitude = code & 0x7F;
    const std::uint32_t exponent = magnitude >> fraction_bits;
    const std::uint32_t fraction = magnitude & ((1U << fraction_bits) - 1);
    const std::uint32_t sign = (code & 0x80) << 24;
    std::uint32_t bits = 0;
    if (exponent == 0) {
      float unit = 1;
      for (int i = 0; i < bias - 1 + fraction_bits; ++i) unit *= 0.5F;
      bits = bits_of(static_cast<float>(fraction) * unit);
    } else {
      bits =
          ((exponent + 127U - static_cast<std::uint32_t>(bias)) << 23) | (fraction << (23 - fraction_bits));
      if (has_infinity && exponent == (1U << exponent_bits) - 1)
        bits = fraction == 0 ? 0x7F80'0000U : 0x7FC0'0000U;
      if (!has_infinity && magnitude == 0x7F) bits = 0x7FC0'0000U;
    }
    table[code] = from_bits(bits | sign);
  }
  return table;
}
inline constexpr std::array<float, 256> kE4M3 = make_small_floats(3, false);
inline constexpr std::array<float, 256> kE5M2 = make_small_floats(2, true);
inline constexpr std::array<float, 16> kE2M1 = {0,     0.5F,  1,     1.5F,  2,     3,     4,     6,
                                                -0.0F, -0.5F, -1.0F, -1.5F, -2.0F, -3.0F, -4.0F, -6.0F};

// To a whole number, ties to even: from 2^23 on all are, and below, adding it leaves no bits behind the
// point.
inline float round_whole(float x) {
  const std::uint32_t sign = bits_of(x) & 0x8000'0000U;
  const float magnitude = from_bits(bits_of(x) & 0x7FFF'FFFFU);
  const float rounded = (magnitude + 0x1p23F) - 0x1p23F;
  return from_bits(bits_of(magnitude < 0x1p23F ? rounded : magnitude) | sign);
}

inline std::uint32_t encode_f32(float x) {
  const std::uint32_t bits = bits_of(x);
  return (bits & 0x7FFF'FFFF) > 0x7F80'0000 ? 0x7FC0'0000U | (bits & 0x8000'0000U) : bits;
}

// Numbers compare as their codes do. Compilers make vectors of choices between two numbers, not of conditions
// that are kept.
constexpr std::uint32_t one_if(bool yes) {
  return yes ? 1U : 0U;
}
constexpr std::int32_t magnitude_of(float x) {
  return static_cast<std::int32_t>(bits_of(x) & 0x7FFF'FFFFU);
}
constexpr std::int32_t kInfinity = 0x7F80'0000;

// 1 where low <= magnitude < high.
constexpr std::uint32_t one_within(std::int32_t magnitude, std::int32_t low, std::int32_t high) {
  return static_cast<std::uint32_t>((low - 1 - magnitude) & (magnitude - high)) >> 31;
}

// Each encoder adds to `over` where a number does not fit; a NaN keeps its sign.
inline std::uint32_t encode_bf16(float x, std::uint32_t& over) {
  const std::uint32_t bits = bits_of(x);
  const std::int32_t magnitude = magnitude_of(x);
  const std::uint32_t rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
  over |= one_within(magnitude, 0x7F7F'8000, kInfinity);
  return magnitude > kInfinity ? 0x7FC0U | (bits >> 31 << 15) : rounded;
}

// `FractionBits` of the target; below the smallest normal number its step is fixed, and adding a number of
// which that is the last bit rounds.
template <int FractionBits, int Bias>
std::uint32_t round_magnitude(std::uint32_t magnitude) {
  constexpr int kDrop = 23 - FractionBits;
  constexpr std::uint32_t kSmallestNormal = (128U - Bias) << 23;
  constexpr std::uint32_t kRebias = (127U - Bias) << 23;
  constexpr std::uint32_t kMagic = (127U + 24U - Bias - FractionBits) << 23;
  const std::uint32_t normal =
      (magnitude + ((1U << (kDrop - 1)) - 1) + ((magnitude >> kDrop) & 1) - kRebias) >> kDrop;
  const std::uint32_t small = bits_of(from_bits(magnitude) + from_bits(kMagic)) - kMagic;
  return magnitude >= kSmallestNormal ? normal : small;
}

inline std::uint32_t encode_f16(float x, std::uint32_t& over) {
  // 65520
  constexpr std::int32_t kBeyond = 0x477F'F000;
  const std::int32_t magnitude = magnitude_of(x);
  const std::uint32_t rounded = round_magnitude<10, 15>(static_cast<std::uint32_t>(magnitude));
  const std::uint32_t code = magnitude >= kBeyond ? 0x7C00U : rounded;
  over |= one_within(magnitude, kBeyond, kInfinity);
  return (magnitude > kInfinity ? 0x7E00U : code) | bits_of(x) >> 31 << 15;
}

// `beyond_code`: what a number beyond 448 becomes.
inline std::uint32_t encode_e4m3(float x, std::uint32_t beyond_code, std::uint32_t& over) {
  // as near to 448, which is even
  constexpr float kLast = 464;
  const float magnitude = std::fabs(x);
  const std::uint32_t bits = bits_of(magnitude);
  const std::uint32_t normal = (bits + 0x7'FFFFU + ((bits >> 20) & 1) - (120U << 23)) >> 20;
  const std::uint32_t small = bits_of(magnitude + 0x1p14F) - bits_of(0x1p14F);
  const std::uint32_t rounded = magnitude >= 0x1p-6F ? normal : small;
  const std::uint32_t code = magnitude > kLast ? beyond_code : rounded;
  over |= one_if(magnitude > kLast);
  return (magnitude != magnitude ? 0x7FU : code) | bits_of(x) >> 31 << 7;
}

inline std::uint32_t encode_e5m2(float x, std::uint32_t& over) {
  // 61440
  constexpr std::int32_t kBeyond = 0x4770'0000;
  const std::int32_t magnitude = magnitude_of(x);
  const std::uint32_t rounded = round_magnitude<2, 15>(static_cast<std::uint32_t>(magnitude));
  const std::uint32_t code = magnitude >= kBeyond ? 0x7CU : rounded;
  over |= one_within(magnitude, kBeyond, kInfinity);
  return (magnitude > kInfinity ? 0x7FU : code) | bits_of(x) >> 31 << 7;
}

// The exponent, plus one from a fraction of a half on; among the denormals, which have no leading one, only
// above it. The sign is dropped.
inline std::uint32_t encode_e8m0(float x, std::uint32_t& over) {
  const std::int32_t magnitude = magnitude_of(x);
  const std::uint32_t normal = (static_cast<std::uint32_t>(magnitude) + 0x40'0000U) >> 23;
  const std::uint32_t finite = magnitude >= 0x80'0000 ? normal : one_if(magnitude > 0x40'0000);
  const std::uint32_t sign = bits_of(x) >> 31;
  over |= one_within(magnitude, 0x7F40'0000, kInfinity + 1) | one_within(magnitude, 0, 1) |
          (sign & one_within(magnitude, 0, kInfinity + 1));
  return magnitude >= 0x7F40'0000 ? 255U : finite;
}

// NaN, which it does not have, becomes +0: the sign of one that an operation made is the processor's choice.
inline std::uint32_t encode_e2m1(float x, bool ties_away) {
  const float a = std::fabs(x);
  const std::uint32_t ties =
      ties_away ? one_if(a >= 0.25F) + one_if(a >= 1.25F) + one_if(a >= 2.5F) + one_if(a >= 5.0F)
                : one_if(a > 0.25F) + one_if(a > 1.25F) + one_if(a > 2.5F) + one_if(a > 5.0F);
  const std::uint32_t code = ties + one_if(a >= 0.75F) + one_if(a >= 1.75F) + one_if(a >= 3.5F);
  return code | (magnitude_of(x) > kInfinity ? 0U : bits_of(x) >> 31 << 3);
}

}  // namespace tenon::lanes
