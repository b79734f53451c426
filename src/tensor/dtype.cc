#include "tensor/dtype.h"

#include <array>

#include "base/checked.h"

namespace tenon {
namespace {

struct DTypeInfo {
  std::string_view name;
  int bits;
};

// In the order of the enum.
constexpr std::array<DTypeInfo, kDTypeCount> kDTypes = {{
    {"BOOL", 8},    {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6},     {"U8", 8},          {"I8", 8},
    {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},
    {"U16", 16},    {"F16", 16},    {"BF16", 16},   {"I32", 32},        {"U32", 32},        {"F32", 32},
    {"C64", 64},    {"F64", 64},    {"I64", 64},    {"U64", 64},
}};

}  // namespace

std::string_view name_of(DType dtype) {
  return kDTypes[static_cast<std::size_t>(dtype)].name;
}

int bits_of(DType dtype) {
  return kDTypes[static_cast<std::size_t>(dtype)].bits;
}

std::optional<DType> parse_dtype(std::string_view name) {
  for (std::size_t i = 0; i < kDTypes.size(); ++i) {
    if (kDTypes[i].name == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

// Multiplied in order, so that [2^40, 2^40, 0] does not fit: the library refuses it too.
std::optional<std::uint64_t> element_count(const Shape& shape) {
  std::optional<std::uint64_t> count = 1;
  for (const std::int64_t extent : shape) {
    count = checked_mul(*count, static_cast<std::uint64_t>(extent));
    if (!count) return std::nullopt;
  }
  return count;
}

std::optional<std::uint64_t> byte_size(DType dtype, const Shape& shape) {
  const auto count = element_count(shape);
  if (!count) return std::nullopt;
  const auto bits = checked_mul(*count, static_cast<std::uint64_t>(bits_of(dtype)));
  if (!bits || *bits % 8 != 0) return std::nullopt;
  return *bits / 8;
}

std::string to_string(const Shape& shape) {
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) out += ", ";
    out += std::to_string(shape[i]);
  }
  return out + "]";
}

std::string header_of(DType dtype, const Shape& shape) {
  return std::string(name_of(dtype)) + " " + to_string(shape);
}

}  // namespace tenon
