// What an input must be, looked for in lanes.
#pragma once

#include <cstddef>

#include "values/decode_lanes.h"
#include "values/recipe.h"

namespace tenon::lanes {

bool is_bad(Demand demand, Wide value, Coding coding);
Refusal refusal_of(Demand demand);

/// Is one of the numbers bad?
bool any_bad(Demand demand, const float* x, std::size_t count, Coding coding);
bool any_bad(Demand demand, const Wide* x, std::size_t count, Coding coding);

}  // namespace tenon::lanes
