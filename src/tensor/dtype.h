// The 22 data types of safetensors 0.8. Their order here is the library's, which decides the order of tensors
// in a shard.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tenon {

enum class DType : std::uint8_t {
  kBool,
  kF4,
  kF6E2M3,
  kF6E3M2,
  kU8,
  kI8,
  kF8E5M2,
  kF8E4M3,
  kF8E8M0,
  kF8E4M3FNUZ,
  kF8E5M2FNUZ,
  kI16,
  kU16,
  kF16,
  kBF16,
  kI32,
  kU32,
  kF32,
  kC64,
  kF64,
  kI64,
  kU64,
};
inline constexpr int kDTypeCount = 22;

/// Extents of a tensor, outermost first; empty for a scalar. Never negative.
using Shape = std::vector<std::int64_t>;

/// The name in a safetensors header: "BF16".
std::string_view name_of(DType dtype);

/// Bits of one element: 4, 6, 8, 16, 32 or 64.
int bits_of(DType dtype);

std::optional<DType> parse_dtype(std::string_view name);

/// Product of the extents (1 for a scalar), or nothing where it does not fit into 64 bits.
std::optional<std::uint64_t> element_count(const Shape& shape);

/// Bytes that a tensor takes in a file, or nothing where that overflows or is no whole number of bytes.
std::optional<std::uint64_t> byte_size(DType dtype, const Shape& shape);

/// "[128, 4096]"
std::string to_string(const Shape& shape);

/// "BF16 [4096, 1024]"
std::string header_of(DType dtype, const Shape& shape);

}  // namespace tenon
