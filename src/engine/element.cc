#include "engine/element.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace tenon {

std::uint64_t element_bytes(DType dtype) {
  return static_cast<std::uint64_t>(std::max(bits_of(dtype), 8)) / 8;
}

std::uint64_t element_at(DType dtype, std::uint64_t offset) {
  return offset * 8 / static_cast<std::uint64_t>(bits_of(dtype));
}

std::string hex_of_element(std::span<const std::byte> bytes) {
  std::string out = "0x";
  for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte) {
    out += fmt::format("{:02x}", static_cast<unsigned>(*byte));
  }
  return out;
}

std::string hex_of_element(SourceFiles& files, const Tensor& tensor, std::uint64_t offset) {
  std::array<std::byte, 8> element{};
  const std::uint64_t size = element_bytes(tensor.dtype);
  const std::byte* from = files.bytes(tensor.shard).data() + tensor.offset + offset / size * size;
  files.guarded(tensor.shard, [&] { std::memcpy(element.data(), from, size); });
  return hex_of_element(std::span(element).first(size));
}

std::uint64_t first_difference(const std::byte* a, const std::byte* b, std::uint64_t size) {
  if (std::memcmp(a, b, size) == 0) return size;
  return static_cast<std::uint64_t>(std::mismatch(a, a + size, b).first - a);
}

}  // namespace tenon
