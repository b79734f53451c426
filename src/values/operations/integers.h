// Packed integers in recipes.
#pragma once

#include <vector>

#include "values/operations/recipe_builder.h"
#include "values/operations/request.h"
#include "values/operations/word_stream.h"

namespace tenon {

constexpr Coding unsigned_bits(std::int64_t bits) {
  return {Format::kUnsigned, static_cast<std::uint8_t>(bits)};
}

/// An unsigned number out of its slices; `places` get the operands, whose first word is at `word_zero` and
/// whose words are `word_stride` bits apart.
RecipeBuilder::Value sliced(RecipeBuilder& b, const std::vector<CodeSlice>& slices, const std::string& role,
                            const Affine& word_zero, std::int64_t word_stride,
                            std::vector<ValueOperand>& operands, Demand demand = Demand::kNothing);

/// A result of 32-bit words with fields.
Result packed_words(std::int64_t bits, std::vector<std::int16_t> shifts);

/// Words of whole codes, transposed, with `addend` added to each code.
ValueOutput transposed_codes(const ValueTensor& words, const std::string& role, std::int64_t bits,
                             float addend, Demand demand = Demand::kNothing);

/// Column i of a word of AutoAWQ is nibble kAwqNibble[i], and nibble i column kAwqColumn[i].
inline constexpr std::int64_t kAwqColumn[8] = {0, 2, 4, 6, 1, 3, 5, 7};
inline constexpr std::int64_t kAwqNibble[8] = {0, 4, 1, 5, 2, 6, 3, 7};

}  // namespace tenon
