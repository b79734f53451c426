// How a number is coded in bits: the formats of safetensors' dtypes, and those that are packed into other
// elements (E2M1 in nibbles, integers of any width). Both evaluators of recipes share this table and nothing
// else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tensor/dtype.h"

namespace tenon {

enum class Format : std::uint8_t {
  kF64,
  kF32,
  kF16,
  kBF16,
  /// no infinity, the largest is 448
  kE4M3,
  /// as IEEE, the largest is 57344
  kE5M2,
  /// 2^(code-127): no sign, no zero, 255 is NaN
  kE8M0,
  /// 0 .5 1 1.5 2 3 4 6, bit 3 is the sign
  kE2M1,
  /// an integer of `bits` bits
  kUnsigned,
  kSigned,
};

/// A format and its width in bits, which for integers is any of 1..64.
struct Coding {
  Format format = Format::kF32;
  std::uint8_t bits = 32;
  bool operator==(const Coding&) const = default;
};

/// Of a dtype's elements; nothing for those that no recipe reads (F6, FNUZ, C64). BOOL is an integer of 8
/// bits.
std::optional<Coding> coding_of(DType dtype);

/// "E4M3", "INT4", "UINT8": how dumps name a coding.
std::string to_string(Coding coding);

constexpr bool is_integer(Coding coding) {
  return coding.format == Format::kUnsigned || coding.format == Format::kSigned;
}

/// Does a binary32 hold every number of this coding?
constexpr bool fits_float(Coding coding) {
  return is_integer(coding) ? coding.bits <= 24 : coding.format != Format::kF64;
}

/// What stands for all NaNs of a coding where two tensors are compared: the sign and the payload of a NaN
/// mean nothing. 0 where there is none.
std::uint64_t canonical_nan(Coding coding);

/// Is this code a NaN?
bool is_nan_code(Coding coding, std::uint64_t code);

}  // namespace tenon
