#include "values/decode_lanes.h"

#include "values/lane_clones.h"

namespace tenon::lanes {
namespace {

template <class Word, class Decode>
void each_code(const std::byte* at, std::size_t count, float* out, const Decode& decode) {
  for (std::size_t i = 0; i < count; ++i) out[i] = decode(load<Word>(at + i * sizeof(Word)));
}

// What both nibbles of a byte are, the low one first.
constexpr auto kE2M1Pairs = [] {
  std::array<std::array<float, 2>, 256> pairs{};
  for (std::size_t byte = 0; byte < 256; ++byte) pairs[byte] = {kE2M1[byte & 15], kE2M1[byte >> 4]};
  return pairs;
}();

}  // namespace

TENON_LANE_CLONES
bool decode_run(Coding coding, const std::byte* at, std::size_t count, float* out) {
  switch (coding.format) {
    case Format::kF32:
      each_code<std::uint32_t>(at, count, out, [](std::uint32_t c) { return from_bits(c); });
      return true;
    case Format::kF16:
      each_code<std::uint16_t>(at, count, out, [](std::uint32_t c) { return decode_f16(c); });
      return true;
    case Format::kBF16:
      each_code<std::uint16_t>(at, count, out, [](std::uint32_t c) { return decode_bf16(c); });
      return true;
    case Format::kE4M3:
      each_code<std::uint8_t>(at, count, out, [](std::uint32_t c) { return decode_e4m3(c); });
      return true;
    case Format::kE8M0:
      each_code<std::uint8_t>(at, count, out, [](std::uint32_t c) { return decode_e8m0(c); });
      return true;
    case Format::kE2M1:
      for (std::size_t i = 0; i + 1 < count; i += 2)
        std::memcpy(out + i, kE2M1Pairs[static_cast<std::uint8_t>(at[i / 2])].data(), 2 * sizeof(float));
      if (count % 2 != 0) out[count - 1] = kE2M1[static_cast<std::uint8_t>(at[count / 2]) & 15];
      return true;
    case Format::kUnsigned:
      if (coding.bits != 8) return false;
      each_code<std::uint8_t>(at, count, out, [](std::uint32_t c) { return static_cast<float>(c); });
      return true;
    case Format::kSigned:
      if (coding.bits != 8) return false;
      each_code<std::int8_t>(at, count, out, [](std::int32_t c) { return static_cast<float>(c); });
      return true;
    default:
      return false;
  }
}

}  // namespace tenon::lanes
