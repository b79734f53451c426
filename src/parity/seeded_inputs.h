// Inputs that are the same on every machine: numbers from a seed.
#pragma once

#include <cstdint>
#include <string_view>

#include "modules/array.h"
#include "modules/number_format.h"

namespace tenon {

/// Near-normal numbers (mean 0, deviation 1, within 6) of the format. `name` tells inputs of one seed apart.
Array<float> seeded_numbers(const Shape& shape, const NumberFormat& format, std::uint64_t seed,
                            std::string_view name);

/// Integers from 0 to below `end`.
Array<float> seeded_integers(const Shape& shape, std::int64_t end, std::uint64_t seed, std::string_view name);

}  // namespace tenon
