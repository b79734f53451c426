// One computed tensor against the exact one and its error bound, element by element.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "modules/array.h"
#include "modules/number_format.h"

namespace tenon {

/// Where error / bound is largest.
struct WorstElement {
  /// name of the compared value
  std::string value;
  /// row-major; -1: nothing was compared
  std::int64_t index = -1;
  /// the same as indices
  Shape at;
  double expected = 0, got = 0, error = 0, bound = 0, ratio = 0;
};

struct Deviation {
  std::int64_t elements = 0;
  /// elements outside their bound, with NaN or infinity out of place
  std::int64_t outside = 0;
  /// finite elements whose bound is not
  std::int64_t unbounded = 0;
  double largest_error = 0;
  /// rho, the largest error / bound
  double ratio = 0;
  /// 2 max|(y + 0.3 - 0.3) - y| in the format
  double rounding_floor = 0;
  WorstElement worst;
  /// error / bound: 0, up to 1e-9, ... 1e-1, 1, above
  std::array<std::int64_t, 12> ratios{};
  /// from the rounded exact value: 0, 1, 2, 3-4, 5-8, 9-16, 17-64, more
  std::array<std::int64_t, 8> ulps{};

  bool holds() const { return elements > 0 && outside == 0 && unbounded == 0; }
  void merge(const Deviation& other);
};

/// `bounds` are finite or infinite, never negative; a NaN among them counts as unbounded.
Deviation compare(const std::string& name, const Array<double>& exact, const Array<double>& bounds,
                  const Array<float>& computed, const NumberFormat& format);

/// The number of elements that differ in a bit; NaNs are equal to each other.
std::int64_t differing_bits(const Array<float>& a, const Array<float>& b);

}  // namespace tenon
