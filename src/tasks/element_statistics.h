// How far two tensors are from each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "tensor/dtype.h"

namespace tenon {

/// Of two tensors of one dtype and shape.
struct ElementStatistics {
  std::uint64_t elements = 0;
  /// in their bits
  std::uint64_t differing = 0;
  // The largest |a - b|; infinite or NaN where an element is. Nothing of dtypes that are no numbers to tenon.
  std::optional<double> largest;
};

/// Both have as many bytes.
ElementStatistics element_statistics(DType dtype, std::span<const std::byte> a, std::span<const std::byte> b);

}  // namespace tenon
