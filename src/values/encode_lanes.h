// Numbers in lanes to codes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "values/decode_lanes.h"
#include "values/recipe.h"

namespace tenon::lanes {

/// The first lane whose number has no code, and why.
struct Trouble {
  std::optional<std::size_t> lane;
  Refusal refusal = Refusal::kRange;
};

/// The least and the most of an integer's numbers.
Wide least(Coding coding);
Wide most(Coding coding);

/// To a float of at most 32 bits, each code in an element of `width` bits: 8, 16 or 32.
Trouble encode_float(const Result& result, int width, const float* x, std::size_t count, std::byte* out);

/// To an integer of at most 8 bits.
Trouble encode_byte(Coding coding, const float* x, std::size_t count, std::uint32_t* out);

/// To any integer, and to F64.
Trouble encode_integer(Coding coding, const float* x, std::size_t count, std::uint64_t* out);
Trouble encode_integer(Coding coding, const Wide* x, std::size_t count, std::uint64_t* out);
void encode_double(const float* x, std::size_t count, std::uint64_t* out);
void encode_double(const Wide* x, std::size_t count, std::uint64_t* out);

}  // namespace tenon::lanes
