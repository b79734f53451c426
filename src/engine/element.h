// Elements as bytes, for comparison and messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "checkpoint/tensor.h"
#include "engine/source_files.h"

namespace tenon {

/// Bytes that an element takes; 1 for those that share a byte with others.
std::uint64_t element_bytes(DType dtype);

/// The element (the first, of several) that byte `offset` of a tensor belongs to.
std::uint64_t element_at(DType dtype, std::uint64_t offset);

/// "0x3f80": as a little-endian number.
std::string hex_of_element(std::span<const std::byte> bytes);

/// The same of the element around byte `offset` of a tensor in a file.
std::string hex_of_element(SourceFiles& files, const Tensor& tensor, std::uint64_t offset);

/// Where two ranges of `size` bytes differ first; `size` where they do not. Owns nothing.
std::uint64_t first_difference(const std::byte* a, const std::byte* b, std::uint64_t size);

}  // namespace tenon
