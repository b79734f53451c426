#include "values/demands.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "values/lane_clones.h"

namespace tenon::lanes {

bool is_bad(Demand demand, Wide value, Coding coding) {
  switch (demand) {
    case Demand::kNothing:
      return false;
    case Demand::kScale:
      return !(value > 0) || std::isinf(value);
    case Demand::kScaleOrZero:
      return !(value >= 0) || std::isinf(value);
    case Demand::kFinite:
      return !std::isfinite(value);
    case Demand::kNotAllOnes:
      return value == static_cast<Wide>((std::uint64_t{1} << coding.bits) - 1);
  }
  return false;
}

Refusal refusal_of(Demand demand) {
  return demand == Demand::kFinite       ? Refusal::kNonfinite
         : demand == Demand::kNotAllOnes ? Refusal::kAmbiguous
                                         : Refusal::kScale;
}

// Is one of them bad? By the smallest and the largest; a NaN is neither.
TENON_LANE_CLONES
bool any_bad(Demand demand, const float* x, std::size_t count, Coding coding) {
  unsigned bad = 0;
  constexpr float kMost = std::numeric_limits<float>::max();
  const auto outside = [&](float low) {
    for (std::size_t i = 0; i < count; ++i)
      bad |= static_cast<unsigned>(!(x[i] >= low)) | static_cast<unsigned>(!(x[i] <= kMost));
  };
  switch (demand) {
    case Demand::kNothing:
      break;
    case Demand::kNotAllOnes: {
      const auto ones = static_cast<float>((std::uint64_t{1} << coding.bits) - 1);
      for (std::size_t i = 0; i < count; ++i) bad |= static_cast<unsigned>(x[i] == ones);
      break;
    }
    case Demand::kScale:
      outside(std::numeric_limits<float>::denorm_min());
      break;
    case Demand::kScaleOrZero:
      outside(0);
      break;
    case Demand::kFinite:
      outside(-kMost);
      break;
  }
  return bad != 0;
}
bool any_bad(Demand demand, const Wide* x, std::size_t count, Coding coding) {
  return std::any_of(x, x + count, [&](Wide value) { return is_bad(demand, value, coding); });
}

}  // namespace tenon::lanes
