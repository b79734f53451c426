#include "checkpoint/natural_order.h"

#include <algorithm>

namespace tenon {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// One part of a key between two dots.
struct Part {
  std::string_view text;    // without its trailing digits
  std::string_view digits;  // the trailing digits, leading zeros taken off
  bool has_number = false;
};

Part split_part(std::string_view part) {
  std::size_t text_end = part.size();
  while (text_end > 0 && is_digit(part[text_end - 1])) --text_end;
  std::string_view digits = part.substr(text_end);
  const bool has_number = !digits.empty();
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  return {part.substr(0, text_end), digits, has_number};
}

// Of any length: without leading zeros the longer one is the greater one.
std::strong_ordering compare_integers(std::string_view a, std::string_view b) {
  if (const auto by_length = a.size() <=> b.size(); by_length != 0) return by_length;
  return a <=> b;
}

std::strong_ordering compare_parts(std::string_view a, std::string_view b) {
  const Part x = split_part(a);
  const Part y = split_part(b);
  const bool x_is_integer = x.text.empty() && x.has_number;
  const bool y_is_integer = y.text.empty() && y.has_number;
  if (x_is_integer != y_is_integer)
    return x_is_integer ? std::strong_ordering::less : std::strong_ordering::greater;
  if (const auto by_text = x.text <=> y.text; by_text != 0) return by_text;
  if (x.has_number != y.has_number)
    return x.has_number ? std::strong_ordering::greater : std::strong_ordering::less;
  return compare_integers(x.digits, y.digits);
}

std::string_view take_part(std::string_view& rest, bool& more) {
  const std::size_t dot = rest.find('.');
  const std::string_view part = rest.substr(0, dot);
  more = dot != std::string_view::npos;
  rest.remove_prefix(more ? dot + 1 : rest.size());
  return part;
}

}  // namespace

std::strong_ordering natural_compare(std::string_view a, std::string_view b) {
  const std::size_t alike =
      static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
  const std::size_t part = a.substr(0, alike).find_last_of('.') + 1;  // npos + 1 is 0
  std::string_view rest_a = a.substr(part);
  std::string_view rest_b = b.substr(part);
  bool more_a = true;
  bool more_b = true;
  while (more_a && more_b) {
    const std::string_view part_a = take_part(rest_a, more_a);
    const std::string_view part_b = take_part(rest_b, more_b);
    if (const auto order = compare_parts(part_a, part_b); order != 0) return order;
  }
  if (more_a != more_b) return more_a ? std::strong_ordering::greater : std::strong_ordering::less;
  return a <=> b;
}

}  // namespace tenon
