#include "parity/compare.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

namespace tenon {
namespace {

std::size_t ratio_bin(double ratio) {
  if (ratio == 0) return 0;
  if (!(ratio <= 1)) return 11;
  return static_cast<std::size_t>(std::clamp(11.0 + std::ceil(std::log10(ratio)) - 1, 1.0, 10.0));
}

std::size_t ulp_bin(std::uint64_t ulps) {
  constexpr std::array<std::uint64_t, 7> kLast = {0, 1, 2, 4, 8, 16, 64};
  return static_cast<std::size_t>(std::lower_bound(kLast.begin(), kLast.end(), ulps) - kLast.begin());
}

Shape indices_of(std::int64_t index, const Shape& shape) {
  Shape out(shape.size());
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    out[axis] = index % shape[axis];
    index /= shape[axis];
  }
  return out;
}

// error / bound; 0 where both vanish, infinity where nothing can be said for the element.
double ratio_of(double exact, double bound, double got, const NumberFormat& format) {
  constexpr double kOutside = std::numeric_limits<double>::infinity();
  if (std::isnan(exact)) return std::isnan(got) ? 0 : kOutside;
  if (std::isinf(exact)) return got == exact ? 0 : kOutside;
  if (std::isnan(got)) return kOutside;
  // A result may overflow only where the exact one, moved by the bound, does.
  if (std::isinf(got)) {
    const double reach = exact + std::copysign(bound, got);
    return std::abs(reach) >= format.largest && std::signbit(reach) == std::signbit(got) ? 1 : kOutside;
  }
  const double error = std::abs(got - exact);
  return error == 0 ? 0 : error / bound;
}

double floor_of(double y, const NumberFormat& format) {
  const double kept = round_to(format, y);
  if (!std::isfinite(kept)) return 0;
  const double there = round_to(format, kept + round_to(format, 0.3));
  const double back = round_to(format, there - round_to(format, 0.3));
  return std::isfinite(back) ? 2 * std::abs(back - kept) : 0;
}

Deviation compare_part(const std::string& name, const Array<double>& exact, const Array<double>& bounds,
                       const Array<float>& computed, const NumberFormat& format, std::size_t begin,
                       std::size_t end) {
  Deviation out;
  out.worst.value = name;
  for (std::size_t i = begin; i < end; ++i) {
    const double got = computed[i];
    const double ratio = ratio_of(exact[i], bounds[i], got, format);
    const double error = std::abs(got - exact[i]);
    ++out.elements;
    if (!(ratio <= 1)) ++out.outside;
    if (std::isfinite(exact[i]) && !std::isfinite(bounds[i])) ++out.unbounded;
    if (std::isfinite(error)) out.largest_error = std::max(out.largest_error, error);
    out.rounding_floor = std::max(out.rounding_floor, floor_of(exact[i], format));
    ++out.ratios[ratio_bin(ratio)];
    const double kept = round_to(format, exact[i]);
    if (std::isfinite(kept) && std::isfinite(got)) ++out.ulps[ulp_bin(ulps_between(format, kept, got))];
    if (out.worst.index < 0 || ratio > out.worst.ratio) {
      const auto index = static_cast<std::int64_t>(i);
      out.worst = {name, index, indices_of(index, exact.shape), exact[i], got, error, bounds[i], ratio};
    }
    out.ratio = std::max(out.ratio, ratio);
  }
  return out;
}

}  // namespace

void Deviation::merge(const Deviation& other) {
  elements += other.elements;
  outside += other.outside;
  unbounded += other.unbounded;
  largest_error = std::max(largest_error, other.largest_error);
  rounding_floor = std::max(rounding_floor, other.rounding_floor);
  if (worst.index < 0 || other.worst.ratio > worst.ratio) worst = other.worst;
  ratio = std::max(ratio, other.ratio);
  for (std::size_t i = 0; i < ratios.size(); ++i) ratios[i] += other.ratios[i];
  for (std::size_t i = 0; i < ulps.size(); ++i) ulps[i] += other.ulps[i];
}

Deviation compare(const std::string& name, const Array<double>& exact, const Array<double>& bounds,
                  const Array<float>& computed, const NumberFormat& format) {
  constexpr std::size_t kPart = 4096;
  std::vector<Deviation> parts((exact.size() + kPart - 1) / kPart);
  tbb::parallel_for(std::size_t{0}, parts.size(), [&](std::size_t i) {
    parts[i] = compare_part(name, exact, bounds, computed, format, i * kPart,
                            std::min(exact.size(), (i + 1) * kPart));
  });
  Deviation out;
  out.worst.value = name;
  for (const auto& part : parts) out.merge(part);
  return out;
}

std::int64_t differing_bits(const Array<float>& a, const Array<float>& b) {
  if (a.shape != b.shape) return static_cast<std::int64_t>(std::max(a.size(), b.size()));
  std::int64_t count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const bool both_nan = std::isnan(a[i]) && std::isnan(b[i]);
    if (!both_nan && std::bit_cast<std::uint32_t>(a[i]) != std::bit_cast<std::uint32_t>(b[i])) ++count;
  }
  return count;
}

}  // namespace tenon
