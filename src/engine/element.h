// Elements as bytes, for messages.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "checkpoint/dtype.h"

namespace tenon {

/// Bytes that an element takes; 1 for those that share a byte with others.
inline std::uint64_t element_bytes(DType dtype) {
  return static_cast<std::uint64_t>(std::max(bits_of(dtype), 8)) / 8;
}

/// The element (the first, of several) that byte `offset` of a tensor belongs to.
inline std::uint64_t element_at(DType dtype, std::uint64_t offset) {
  return offset * 8 / static_cast<std::uint64_t>(bits_of(dtype));
}

/// "0x3f80": as a little-endian number.
inline std::string hex_of_element(std::span<const std::byte> bytes) {
  std::string out = "0x";
  for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte)
    out += fmt::format("{:02x}", static_cast<unsigned>(*byte));
  return out;
}

}  // namespace tenon
