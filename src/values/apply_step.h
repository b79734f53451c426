// The steps of a recipe over lanes.
#pragma once

#include <cstddef>
#include <optional>

#include "values/decode_lanes.h"
#include "values/recipe.h"

namespace tenon::lanes {

/// out[i] = what the step makes of a[i] and b[i]. Returns the lane at which it is refused. Wide lanes only
/// add and subtract, all others throw std::logic_error.
std::optional<std::size_t> apply(const RecipeStep& step, const float* a, const float* b, float* out,
                                 std::size_t count);
std::optional<std::size_t> apply(const RecipeStep& step, const Wide* a, const Wide* b, Wide* out,
                                 std::size_t count);

}  // namespace tenon::lanes
