// Codes in memory to numbers in lanes.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <type_traits>

#include "values/lane_numbers.h"
#include "values/nest.h"

namespace tenon::lanes {

// Holds every 64-bit integer and every F64 exactly: steps only convert such numbers.
using Wide = long double;

template <class Word>
Word load(const std::byte* at) {
  Word word;
  std::memcpy(&word, at, sizeof(Word));
  return word;
}

// A field of up to 57 bits anywhere, or of a whole number of bytes.
inline std::uint64_t load_bits(const std::byte* bytes, std::uint64_t size, std::int64_t place, int count) {
  const auto first = static_cast<std::uint64_t>(place) / 8;
  std::uint64_t word = 0;
  std::memcpy(&word, bytes + first, std::min<std::uint64_t>(8, size - first));
  word >>= place % 8;
  return count == 64 ? word : word & ((std::uint64_t{1} << count) - 1);
}

template <class T>
T integer(Coding coding, std::uint64_t code) {
  if (coding.format == Format::kUnsigned) return static_cast<T>(code);
  if (coding.bits <= 32) {
    const int spare = 32 - coding.bits;
    return static_cast<T>(static_cast<std::int32_t>(static_cast<std::uint32_t>(code) << spare) >> spare);
  }
  const int spare = 64 - coding.bits;
  return static_cast<T>(static_cast<std::int64_t>(code << spare) >> spare);
}

// Calls `use` with a function that decodes one code of the coding.
template <class T, class Use>
void with_decoder(Coding coding, const Use& use) {
  switch (coding.format) {
    case Format::kF64:
      return use([](std::uint64_t c) { return static_cast<T>(std::bit_cast<double>(c)); });
    case Format::kF32:
      return use(
          [](std::uint64_t c) { return static_cast<T>(lanes::from_bits(static_cast<std::uint32_t>(c))); });
    case Format::kF16:
      return use(
          [](std::uint64_t c) { return static_cast<T>(lanes::decode_f16(static_cast<std::uint32_t>(c))); });
    case Format::kBF16:
      return use(
          [](std::uint64_t c) { return static_cast<T>(lanes::decode_bf16(static_cast<std::uint32_t>(c))); });
    case Format::kE4M3:
      return use([](std::uint64_t c) { return static_cast<T>(lanes::kE4M3[c & 255]); });
    case Format::kE5M2:
      return use([](std::uint64_t c) { return static_cast<T>(lanes::kE5M2[c & 255]); });
    case Format::kE8M0:
      return use(
          [](std::uint64_t c) { return static_cast<T>(lanes::decode_e8m0(static_cast<std::uint32_t>(c))); });
    case Format::kE2M1:
      return use([](std::uint64_t c) { return static_cast<T>(lanes::kE2M1[c & 15]); });
    case Format::kUnsigned:
    case Format::kSigned:
      return use([coding](std::uint64_t c) { return integer<T>(coding, c); });
  }
}

/// Decodes `count` codes that stand side by side from a byte's first bit on. False, and nothing done, for the
/// codings that are too rare for a loop of their own.
bool decode_run(Coding coding, const std::byte* at, std::size_t count, float* out);

// Decodes `count` codes, `stride` bits apart, from bit `place` on.
template <class T, class Decode>
void decode_row(const NestOperand& operand, Coding coding, std::int64_t place, std::int64_t stride,
                std::size_t count, T* out, const Decode& decode) {
  if (stride == 0) {
    std::fill_n(out, count, decode(load_bits(operand.bytes, operand.size, place, coding.bits)));
    return;
  }
  if constexpr (std::is_same_v<T, float>) {
    if (stride == coding.bits && place % 8 == 0 && decode_run(coding, operand.bytes + place / 8, count, out))
      return;
  }
  const auto whole = [&]<class Word>(Word) {
    const std::byte* at = operand.bytes + place / 8;
    const std::int64_t step = stride / 8;
    for (std::size_t i = 0; i < count; ++i)
      out[i] = decode(load<Word>(at + static_cast<std::int64_t>(i) * step));
  };
  if (place % 8 == 0 && stride % 8 == 0) {
    if (coding.bits == 8) return whole(std::uint8_t{});
    if (coding.bits == 16) return whole(std::uint16_t{});
    if (coding.bits == 32) return whole(std::uint32_t{});
    if (coding.bits == 64) return whole(std::uint64_t{});
  }
  if (8 % coding.bits == 0 && place % coding.bits == 0 && stride % coding.bits == 0) {  // within a byte
    const unsigned mask = (1U << coding.bits) - 1;
    for (std::size_t i = 0; i < count; ++i) {
      const std::int64_t bit = place + static_cast<std::int64_t>(i) * stride;
      out[i] = decode(static_cast<std::uint64_t>(operand.bytes[bit / 8]) >> (bit % 8) & mask);
    }
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t bit = place + static_cast<std::int64_t>(i) * stride;
    out[i] = decode(load_bits(operand.bytes, operand.size, bit, coding.bits));
  }
}

// Calls `row(lane, count, place, stride)` for each run of lanes along the innermost loop.
template <class Row>
void for_rows(const Nest& nest, const NestOperand& operand, std::uint64_t first, std::size_t lanes,
              const Row& row) {
  std::array<std::int64_t, kMostLoops> at{};
  const std::size_t depth = nest.extents.size();
  std::int64_t place = operand.offset;
  std::uint64_t rest = first;
  for (std::size_t i = depth; i-- > 0;) {
    at[i] = static_cast<std::int64_t>(rest % static_cast<std::uint64_t>(nest.extents[i]));
    rest /= static_cast<std::uint64_t>(nest.extents[i]);
    place += at[i] * operand.strides[i];
  }
  if (depth == 0) return row(0, 1, place, 0);
  const std::int64_t inner = nest.extents[depth - 1];
  const std::int64_t stride = operand.strides[depth - 1];
  for (std::size_t lane = 0; lane < lanes;) {
    const auto count = std::min(lanes - lane, static_cast<std::size_t>(inner - at[depth - 1]));
    row(lane, count, place, stride);
    lane += count;
    place += static_cast<std::int64_t>(count) * stride;
    at[depth - 1] += static_cast<std::int64_t>(count);
    for (std::size_t i = depth; i-- > 1 && at[i] == nest.extents[i];) {
      place += operand.strides[i - 1] - at[i] * operand.strides[i];
      at[i] = 0;
      ++at[i - 1];
    }
  }
}

}  // namespace tenon::lanes
