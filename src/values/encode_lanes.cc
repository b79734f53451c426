#include "values/encode_lanes.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "values/lane_clones.h"

namespace tenon::lanes {
namespace {

// Encodes with `encode(x, over)`; not 0 where a number does not fit.
template <class Word, class Encode>
std::uint32_t each_number(const float* x, std::size_t count, std::byte* out, const Encode& encode) {
  std::uint32_t over = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto word = static_cast<Word>(encode(x[i], over));
    std::memcpy(out + i * sizeof(Word), &word, sizeof(Word));
  }
  return over;
}

// A float's code, by the result; `use` is called with a function of a number and of what did not fit.
template <class Use>
std::uint32_t with_encoder(const Result& result, const Use& use) {
  using Over = std::uint32_t&;
  switch (result.coding.format) {
    case Format::kF32:
      return use([](float v, Over) { return encode_f32(v); });
    case Format::kBF16:
      return use([](float v, Over over) { return encode_bf16(v, over); });
    case Format::kF16:
      return use([](float v, Over over) { return encode_f16(v, over); });
    case Format::kE4M3:
      return use([beyond = result.overflow == Overflow::kNan ? 0x7FU : 0x7EU](float v, Over over) {
        return encode_e4m3(v, beyond, over);
      });
    case Format::kE5M2:
      return use([](float v, Over over) { return encode_e5m2(v, over); });
    case Format::kE8M0:
      return use([](float v, Over over) { return encode_e8m0(v, over); });
    case Format::kE2M1:
      if (result.ties == Ties::kAway) return use([](float v, Over) { return encode_e2m1(v, true); });
      return use([](float v, Over) { return encode_e2m1(v, false); });
    default:
      return 0;
  }
}

TENON_LANE_CLONES
std::uint32_t write_bytes(const Result& result, const float* x, std::size_t count, std::byte* out) {
  return with_encoder(result,
                      [&](const auto& encode) { return each_number<std::uint8_t>(x, count, out, encode); });
}
TENON_LANE_CLONES
std::uint32_t write_halves(const Result& result, const float* x, std::size_t count, std::byte* out) {
  return with_encoder(result,
                      [&](const auto& encode) { return each_number<std::uint16_t>(x, count, out, encode); });
}
TENON_LANE_CLONES
std::uint32_t write_words(const Result& result, const float* x, std::size_t count, std::byte* out) {
  return with_encoder(result,
                      [&](const auto& encode) { return each_number<std::uint32_t>(x, count, out, encode); });
}

// Not 0 where a number is no whole one, or beyond the coding's.
TENON_LANE_CLONES
unsigned write_small_integers(float low, float high, std::uint32_t mask, const float* x, std::size_t count,
                              std::uint32_t* out) {
  unsigned bad = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const float number = x[i];
    const float raised = number >= low ? number : low;  // a NaN too
    const float bounded = raised <= high ? raised : high;
    const auto whole = static_cast<std::int32_t>(bounded);
    bad |= one_if(static_cast<float>(whole) != number);
    out[i] = static_cast<std::uint32_t>(whole) & mask;
  }
  return bad;
}

template <class T>
Trouble integers(Coding coding, const T* x, std::size_t count, std::uint64_t* out) {
  const Wide low = least(coding);
  const Wide high = most(coding);
  const std::uint64_t mask = coding.bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << coding.bits) - 1;
  for (std::size_t i = 0; i < count; ++i) {
    if (!std::isfinite(x[i]) || std::nearbyint(x[i]) != x[i]) return {i, Refusal::kInexact};
    if (x[i] < low || x[i] > high) return {i, Refusal::kRange};
    out[i] = (x[i] < 0 ? ~static_cast<std::uint64_t>(-x[i]) + 1 : static_cast<std::uint64_t>(x[i])) & mask;
  }
  return {};
}

template <class T>
void doubles(const T* x, std::size_t count, std::uint64_t* out) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto bits = std::bit_cast<std::uint64_t>(static_cast<double>(x[i]));
    out[i] = std::isnan(x[i]) ? canonical_nan({Format::kF64, 64}) | (bits >> 63 << 63) : bits;
  }
}

}  // namespace

Wide least(Coding coding) {
  return coding.format == Format::kSigned ? -std::ldexp(Wide{1}, coding.bits - 1) : Wide{0};
}
Wide most(Coding coding) {
  return std::ldexp(Wide{1}, coding.format == Format::kSigned ? coding.bits - 1 : coding.bits) - 1;
}

Trouble encode_float(const Result& result, int width, const float* x, std::size_t count, std::byte* out) {
  if (is_integer(result.coding) || result.coding.format == Format::kF64)
    throw std::logic_error("no float: " + to_string(result.coding));
  const std::uint32_t over = width == 8    ? write_bytes(result, x, count, out)
                             : width == 16 ? write_halves(result, x, count, out)
                                           : write_words(result, x, count, out);
  if (over == 0 || result.overflow != Overflow::kError) return {};
  Trouble trouble;
  with_encoder(result, [&](const auto& encode) {
    for (std::size_t i = 0; i < count && !trouble.lane; ++i) {
      std::uint32_t here = 0;
      encode(x[i], here);
      if (here != 0) trouble = {i, Refusal::kRange};
    }
    return 0U;
  });
  return trouble;
}

// Integers go the short way where they fit a byte, as codes do.
Trouble encode_byte(Coding coding, const float* x, std::size_t count, std::uint32_t* out) {
  const auto low = static_cast<float>(least(coding));
  const auto high = static_cast<float>(most(coding));
  const std::uint32_t mask = (1U << coding.bits) - 1;
  const unsigned bad = write_small_integers(low, high, mask, x, count, out);
  if (bad == 0) return {};
  for (std::size_t i = 0; i < count; ++i) {
    if (!std::isfinite(x[i]) || std::nearbyint(x[i]) != x[i]) return {i, Refusal::kInexact};
    if (x[i] < low || x[i] > high) return {i, Refusal::kRange};
  }
  return {};
}

Trouble encode_integer(Coding coding, const float* x, std::size_t count, std::uint64_t* out) {
  return integers(coding, x, count, out);
}
Trouble encode_integer(Coding coding, const Wide* x, std::size_t count, std::uint64_t* out) {
  return integers(coding, x, count, out);
}

void encode_double(const float* x, std::size_t count, std::uint64_t* out) {
  doubles(x, count, out);
}
void encode_double(const Wide* x, std::size_t count, std::uint64_t* out) {
  doubles(x, count, out);
}

}  // namespace tenon::lanes
