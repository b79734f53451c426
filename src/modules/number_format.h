// The number formats that modules are run in, and the constants of their rounding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "tensor/dtype.h"

namespace tenon {

/// A format in which weights and results of a module are kept.
struct NumberFormat {
  DType dtype = DType::kF32;
  /// half the distance from 1 to the next number
  double unit_roundoff = 0;
  /// the largest absolute error of a result that underflows, twice
  double smallest_subnormal = 0;
  /// the largest finite number
  double largest = 0;
};

/// F32, F16 and BF16; nothing for the others.
std::optional<NumberFormat> format_of(DType dtype);

/// The nearest number of the format, ties to even; infinities where it overflows.
float round_to(const NumberFormat& format, float value);
double round_to(const NumberFormat& format, double value);

/// How many numbers of the format lie between a and b. Both must be numbers of it, neither a NaN.
std::uint64_t ulps_between(const NumberFormat& format, double a, double b);

/// Can decode() read a tensor of this dtype? F64, F32, F16 and BF16.
bool decodes(DType dtype);

/// The elements of a tensor's bytes, rounded to the format. The dtype is one that it decodes.
void decode(DType dtype, std::span<const std::byte> bytes, const NumberFormat& format, float* out);

}  // namespace tenon
