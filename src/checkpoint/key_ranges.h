// Many keys in a line: model.layers.{0..47}.mlp.experts.{0..127}.up_proj.weight.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tenon {

/// A key with its numbers taken out: digits between '.', '_' or the ends. "layers.#.w" and {7}.
struct NumberedKey {
  /// a '\x01' for each number
  std::string form;
  std::vector<std::int64_t> numbers;
};
NumberedKey numbered(std::string_view key);

/// Numbers from `first` to `last`.
struct NumberRange {
  std::int64_t first = 0;
  std::int64_t last = 0;
  bool operator==(const NumberRange&) const = default;
};

/// A product of ranges, one for each number of a form.
using RangeBox = std::vector<NumberRange>;

/// A set of numbers of the same length as boxes without overlaps; the same set gives the same boxes.
std::vector<RangeBox> boxes_of(std::vector<std::vector<std::int64_t>> numbers);

/// The form with a text for each number.
std::string filled(std::string_view form, const std::vector<std::string>& texts);

/// "7", "{0..47}".
std::string text_of(const NumberRange& range);

/// Keys in natural order as few patterns; key order within each form.
std::vector<std::string> key_patterns(const std::vector<std::string>& keys);

/// The keys that a pattern stands for, in natural order; nothing where it would be more than `limit`.
std::vector<std::string> keys_of_pattern(std::string_view pattern, std::size_t limit);

}  // namespace tenon
