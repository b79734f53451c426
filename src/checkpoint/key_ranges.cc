#include "checkpoint/key_ranges.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

namespace tenon {
namespace {

constexpr char kHole = '\x01';
constexpr std::size_t kMaxDigits = 9;

bool is_numeral(char c) {
  return c >= '0' && c <= '9';
}

bool separates_numbers(char c) {
  return c == '.' || c == '_';
}

// The number that begins at `at`, as its length; 0 where none does. Leading zeros would be lost.
std::size_t number_length_at(std::string_view key, std::size_t at) {
  if (at > 0 && !separates_numbers(key[at - 1])) return 0;
  std::size_t end = at;
  while (end < key.size() && is_numeral(key[end])) ++end;
  const std::size_t length = end - at;
  const bool ends = end == key.size() || separates_numbers(key[end]);
  const bool plain = length > 0 && length <= kMaxDigits && (length == 1 || key[at] != '0');
  return ends && plain ? length : 0;
}

std::int64_t number_of_digits(std::string_view digits) {
  std::int64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

// Sorted tuples from position `depth` on, as boxes.
std::vector<RangeBox> boxes_from(const std::vector<std::vector<std::int64_t>>& sorted, std::size_t begin,
                                 std::size_t end, std::size_t depth) {
  if (depth == sorted[begin].size()) return {{}};
  std::vector<RangeBox> out;
  std::vector<RangeBox> open;  // of the numbers so far that have the same rest
  NumberRange range;
  const auto close = [&] {
    for (RangeBox& box : open) {
      box.insert(box.begin(), range);
      out.push_back(std::move(box));
    }
  };
  for (std::size_t at = begin; at < end;) {
    const std::int64_t number = sorted[at][depth];
    std::size_t next = at;
    while (next < end && sorted[next][depth] == number) ++next;
    std::vector<RangeBox> rest = boxes_from(sorted, at, next, depth + 1);
    if (!open.empty() && number == range.last + 1 && rest == open) {
      range.last = number;
    } else {
      close();
      open = std::move(rest);
      range = {number, number};
    }
    at = next;
  }
  close();
  return out;
}

}  // namespace

NumberedKey numbered(std::string_view key) {
  NumberedKey out;
  for (std::size_t at = 0; at < key.size();) {
    const std::size_t length = number_length_at(key, at);
    if (length == 0) {
      out.form += key[at++];
      continue;
    }
    out.form += kHole;
    out.numbers.push_back(number_of_digits(key.substr(at, length)));
    at += length;
  }
  return out;
}

std::vector<RangeBox> boxes_of(std::vector<std::vector<std::int64_t>> numbers) {
  if (numbers.empty()) return {};
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return boxes_from(numbers, 0, numbers.size(), 0);
}

std::string filled(std::string_view form, const std::vector<std::string>& texts) {
  std::string out;
  std::size_t next = 0;
  for (const char c : form) {
    if (c == kHole) {
      out += texts.at(next++);
    } else {
      out += c;
    }
  }
  return out;
}

std::string text_of(const NumberRange& range) {
  return range.first == range.last ? std::to_string(range.first)
                                   : fmt::format("{{{}..{}}}", range.first, range.last);
}

std::vector<std::string> key_patterns(const std::vector<std::string>& keys) {
  std::vector<std::string> forms;  // by first appearance
  std::map<std::string, std::vector<std::vector<std::int64_t>>> numbers;
  for (const std::string& key : keys) {
    NumberedKey split = numbered(key);
    const auto [found, is_new] = numbers.try_emplace(split.form);
    if (is_new) forms.push_back(split.form);
    found->second.push_back(std::move(split.numbers));
  }
  std::vector<std::string> out;
  for (const std::string& form : forms) {
    for (const RangeBox& box : boxes_of(std::move(numbers[form]))) {
      std::vector<std::string> texts;
      for (const NumberRange& range : box) texts.push_back(text_of(range));
      out.push_back(filled(form, texts));
    }
  }
  return out;
}

std::vector<std::string> keys_of_pattern(std::string_view pattern, std::size_t limit) {
  const std::size_t open = pattern.find('{');
  const std::size_t dots = pattern.find("..", open);
  const std::size_t close = pattern.find('}', open);
  if (open == std::string_view::npos || dots == std::string_view::npos || close == std::string_view::npos ||
      dots > close)
    return {std::string(pattern)};
  const std::int64_t first = number_of_digits(pattern.substr(open + 1, dots - open - 1));
  const std::int64_t last = number_of_digits(pattern.substr(dots + 2, close - dots - 2));
  const std::vector<std::string> rests = keys_of_pattern(pattern.substr(close + 1), limit);
  if (rests.empty() || last < first) return {};
  const auto count = static_cast<std::uint64_t>(last - first) + 1;
  if (count > limit / rests.size()) return {};
  std::vector<std::string> out;
  for (std::int64_t n = first; n <= last; ++n) {
    for (const std::string& rest : rests)
      out.push_back(fmt::format("{}{}{}", pattern.substr(0, open), n, rest));
  }
  return out;
}

}  // namespace tenon
