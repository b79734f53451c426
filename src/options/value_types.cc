#include "options/value_types.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/text.h"

namespace tenon {
namespace {

template <typename T>
ReadResult read_name(std::string_view text, T& out) {
  const auto names = names_of_values<T>();
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) {
    return Mistake{fmt::format("'{}' is none of its values", text),
                   fmt::format("They are {}.", join_some({names.begin(), names.end()}))};
  }
  out = static_cast<T>(found - names.begin());
  return std::nullopt;
}

template <typename T>
ReadResult read_number(std::string_view text, const Bounds& bounds, T& out) {
  T number{};
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = failed == std::errc() && end == text.data() + text.size();
  if (is_number && std::cmp_greater_equal(number, bounds.least) && std::cmp_less_equal(number, bounds.most)) {
    out = number;
    return std::nullopt;
  }
  const bool is_bounded = bounds.most != INT64_MAX;
  return Mistake{fmt::format("'{}' is no number that it takes", text),
                 is_bounded ? fmt::format("A whole number from {} to {}.", bounds.least, bounds.most)
                            : fmt::format("A whole number, {} or more.", bounds.least)};
}

}  // namespace

Layout opposite(Layout layout) {
  return layout == Layout::kFused ? Layout::kOriginal : Layout::kFused;
}

std::string_view name_of(Layout layout) {
  return names_of_values<Layout>()[static_cast<std::size_t>(layout)];
}

std::string_view name_of(HashKind hash) {
  return names_of_values<HashKind>()[static_cast<std::size_t>(hash)];
}

std::optional<ByteSize> parse_byte_size(std::string_view text) {
  const auto bytes = parse_bytes(text);
  if (!bytes || *bytes == 0) return std::nullopt;
  return ByteSize{std::string(text), *bytes};
}

std::string to_string(RelativeBound bound) {
  const double power = std::log2(bound.value);
  if (bound.value > 0 && power == std::floor(power) && power < 0) return fmt::format("2^{}", power);
  const double digits = std::pow(10, 2 - std::floor(std::log10(bound.value)));
  return fmt::format("{:.3g}", std::ceil(bound.value * digits) / digits);
}

ReadResult read_value(std::string_view text, const Bounds&, bool& out) {
  if (text != "true" && text != "false")
    return Mistake{fmt::format("'{}' is neither true nor false", text), ""};
  out = text == "true";
  return std::nullopt;
}

ReadResult read_value(std::string_view text, const Bounds& bounds, int& out) {
  return read_number(text, {bounds.least, std::min<std::int64_t>(bounds.most, INT32_MAX)}, out);
}
ReadResult read_value(std::string_view text, const Bounds& bounds, std::int64_t& out) {
  return read_number(text, bounds, out);
}
ReadResult read_value(std::string_view text, const Bounds& bounds, std::uint64_t& out) {
  return read_number(text, bounds, out);
}
ReadResult read_value(std::string_view text, const Bounds&, std::string& out) {
  out = text;
  return std::nullopt;
}
ReadResult read_value(std::string_view text, const Bounds&, Layout& out) {
  return read_name(text, out);
}
ReadResult read_value(std::string_view text, const Bounds&, HashKind& out) {
  return read_name(text, out);
}

ReadResult read_value(std::string_view text, const Bounds&, std::optional<ByteSize>& out) {
  const auto size = parse_byte_size(text);
  if (!size) {
    return Mistake{fmt::format("'{}' is no size", text),
                   "Write a number and a unit without a space: 5GB, 500MB, 2GiB."};
  }
  out = size;
  return std::nullopt;
}

ReadResult read_value(std::string_view text, const Bounds&, std::optional<RelativeBound>& out) {
  const bool power = text.starts_with("2^-");
  const std::string_view digits = power ? text.substr(3) : text;
  double number = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool is_number = failed == std::errc() && end == digits.data() + digits.size();
  if (power) number = std::exp2(-number);
  if (!is_number || !(number > 0 && number < 1)) {
    return Mistake{fmt::format("'{}' is no part of a number", text),
                   "Write a power of two or a decimal below 1: 2^-8, 0.004."};
  }
  out = RelativeBound{number};
  return std::nullopt;
}

ReadResult read_value(std::string_view text, const Bounds&, LayoutAssumption& out) {
  const std::size_t equals = text.rfind('=');
  if (equals == std::string_view::npos || equals == 0) {
    return Mistake{
        fmt::format("'{}' does not say a glob and a layout", text),
        "Write GLOB=original or GLOB=fused, such as 'model.layers.*.mlp.experts.down_proj=original'."};
  }
  Layout layout = Layout::kFused;
  if (auto mistake = read_name(text.substr(equals + 1), layout)) return mistake;
  out = {std::string(text.substr(0, equals)), layout == Layout::kFused};
  return std::nullopt;
}

std::vector<std::string> texts_of(bool value) {
  return {value ? "true" : "false"};
}
std::vector<std::string> texts_of(int value) {
  return {std::to_string(value)};
}
std::vector<std::string> texts_of(std::int64_t value) {
  return {std::to_string(value)};
}
std::vector<std::string> texts_of(std::uint64_t value) {
  return {std::to_string(value)};
}
std::vector<std::string> texts_of(const std::string& value) {
  return value.empty() ? std::vector<std::string>{} : std::vector<std::string>{value};
}
std::vector<std::string> texts_of(Layout value) {
  return {std::string(name_of(value))};
}
std::vector<std::string> texts_of(HashKind value) {
  return {std::string(name_of(value))};
}
std::vector<std::string> texts_of(const std::optional<ByteSize>& value) {
  return value ? std::vector<std::string>{value->text} : std::vector<std::string>{};
}
std::vector<std::string> texts_of(const std::optional<RelativeBound>& value) {
  return value ? std::vector<std::string>{fmt::format("{}", value->value)} : std::vector<std::string>{};
}
std::vector<std::string> texts_of(const LayoutAssumption& value) {
  return {fmt::format("{}={}", value.glob, name_of(value.is_fused ? Layout::kFused : Layout::kOriginal))};
}

}  // namespace tenon
