// Natural order of keys: `layers.2` before `layers.10`. A key is split on its dots; a part of digits only
// sorts as an integer and before any text part; text with trailing digits sorts by its text, then by that
// number.
#pragma once

#include <compare>
#include <string_view>

namespace tenon {

/// A total order: keys that are alike but for leading zeros are told apart by their bytes. Integers may have
/// any number of digits.
std::strong_ordering natural_compare(std::string_view a, std::string_view b);

inline bool natural_less(std::string_view a, std::string_view b) {
  return natural_compare(a, b) < 0;
}

}  // namespace tenon
