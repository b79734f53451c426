#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/checked.h"

namespace tenon {

std::string human_bytes(std::uint64_t bytes) {
  constexpr std::array kUnits = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 999.995 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.2f} {}", value, kUnits[unit]);
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 10> kUnits = {{{"", 1},
                                                                                  {"B", 1},
                                                                                  {"KB", 1000},
                                                                                  {"kB", 1000},
                                                                                  {"MB", 1000'000},
                                                                                  {"GB", 1000'000'000},
                                                                                  {"TB", 1000'000'000'000},
                                                                                  {"KiB", 1ULL << 10},
                                                                                  {"MiB", 1ULL << 20},
                                                                                  {"GiB", 1ULL << 30}}};
  for (const auto& [name, factor] : kUnits) {
    if (unit == name) return checked_mul<std::uint64_t>(number, factor);
  }
  return std::nullopt;
}

std::string visible(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

std::optional<std::int64_t> as_index(std::string_view text) {
  if (text.empty() || text.front() == '-') return std::nullopt;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

std::optional<std::size_t> invalid_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  for (std::size_t at = 0; at < text.size();) {
    const unsigned lead = byte(at);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xC2 ? 0
                               : lead < 0xE0 ? 2
                               : lead < 0xF0 ? 3
                               : lead < 0xF5 ? 4
                                             : 0;
    if (length == 0) return at;
    for (std::size_t i = 1; i < length; ++i) {
      if ((byte(at + i) & 0xC0) != 0x80) return at;
    }
    const unsigned second = byte(at + 1);
    const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
    const bool beyond = (lead == 0xED && second >= 0xA0) || (lead == 0xF4 && second >= 0x90);
    if (overlong || beyond) return at;
    at += length;
  }
  return std::nullopt;
}

bool is_listed(const std::vector<std::string>& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

std::string counted(std::uint64_t number, std::string_view noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

std::string join_some(const std::vector<std::string>& items, std::size_t limit) {
  std::string out;
  for (std::size_t i = 0; i < std::min(items.size(), limit); ++i) {
    if (i > 0) out += i + 1 == items.size() ? " and " : ", ";
    out += items[i];
  }
  if (items.size() > limit) out += fmt::format(" and {} more", items.size() - limit);
  return out;
}

namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row[b.size()];
}

}  // namespace

std::vector<std::string> nearest(std::string_view name, const std::vector<std::string>& candidates,
                                 std::size_t limit) {
  std::vector<std::pair<std::size_t, const std::string*>> ranked;
  for (const auto& candidate : candidates) {
    const std::size_t longest = std::max(name.size(), candidate.size());
    const std::size_t shortest = std::min(name.size(), candidate.size());
    if (longest - shortest > longest / 2) continue;
    const std::size_t distance = edit_distance(name, candidate);
    if (distance <= std::max<std::size_t>(2, longest / 3)) ranked.emplace_back(distance, &candidate);
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> out;
  for (std::size_t i = 0; i < std::min(limit, ranked.size()); ++i) out.push_back(*ranked[i].second);
  return out;
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates) {
  const auto near = nearest(name, candidates, 1);
  return near.empty() ? "" : fmt::format("Did you mean '{}'?", near.front());
}

// Greedy matching with two levels of backtracking: the last `*` may grow within its segment, the last `**`
// without limit.
bool glob_matches(std::string_view glob, std::string_view key) {
  constexpr std::size_t kNone = std::string_view::npos;
  std::size_t g = 0;
  std::size_t k = 0;
  std::size_t star = kNone;
  std::size_t star_key = 0;
  std::size_t deep = kNone;
  std::size_t deep_key = 0;
  while (k < key.size() || g < glob.size()) {
    if (g < glob.size() && glob[g] == '*' && g + 1 < glob.size() && glob[g + 1] == '*') {
      deep = g + 2;
      deep_key = k;
      star = kNone;
      g += 2;
      continue;
    }
    if (g < glob.size() && glob[g] == '*' && k < key.size() && key[k] != '.') {
      star = g + 1;
      star_key = k + 1;
      ++g;
      ++k;
      continue;
    }
    if (g < glob.size() && glob[g] != '*' && k < key.size() && glob[g] == key[k]) {
      ++g;
      ++k;
      continue;
    }
    if (star != kNone && star_key < key.size() && key[star_key] != '.') {
      g = star;
      k = ++star_key;
      continue;
    }
    if (deep != kNone && deep_key < key.size()) {
      g = deep;
      k = ++deep_key;
      star = kNone;
      continue;
    }
    return false;
  }
  return true;
}

}  // namespace tenon
