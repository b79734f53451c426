#include "lint/draft_patterns.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <utility>

namespace tenon {

std::vector<std::string> key_segments(const std::string& key) {
  std::vector<std::string> out(1);
  for (const char c : key) {
    if (c == '.') {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  return out;
}

bool is_key_number(const std::string& s) {
  return !s.empty() && std::all_of(s.begin(), s.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

std::vector<KeyKind> key_kinds(const std::vector<Tensor>& tensors) {
  std::map<std::string, std::size_t> place_of;
  std::vector<KeyKind> out;
  for (std::uint32_t i = 0; i < tensors.size(); ++i) {
    std::vector<std::string> segments = key_segments(tensors[i].key);
    std::vector<std::string> numbers;
    for (auto& s : segments) {
      if (is_key_number(s)) numbers.push_back(std::exchange(s, "*"));
    }
    const std::string pattern = fmt::format("{}", fmt::join(segments, "."));
    const auto [at, fresh] = place_of.try_emplace(pattern, out.size());
    if (fresh) out.push_back({pattern, {}, {}, false});
    out[at->second].numbers.push_back(std::move(numbers));
    out[at->second].tensors.push_back(i);
  }
  return out;
}

double key_likeness(const std::string& a, const std::string& b) {
  const auto x = key_segments(a);
  const auto y = key_segments(b);
  std::size_t front = 0;
  while (front < std::min(x.size(), y.size()) && x[front] == y[front]) ++front;
  std::size_t end = 0;
  while (end < std::min(x.size(), y.size()) - front && x[x.size() - 1 - end] == y[y.size() - 1 - end]) ++end;
  double common = 0;
  for (std::size_t i = front; i < x.size() - end; ++i) {
    for (std::size_t j = front; j < y.size() - end; ++j) {
      std::set<char> p(x[i].begin(), x[i].end());
      std::set<char> q(y[j].begin(), y[j].end());
      std::vector<char> both;
      std::set_intersection(p.begin(), p.end(), q.begin(), q.end(), std::back_inserter(both));
      common = std::max(common,
                        static_cast<double>(both.size()) / static_cast<double>(std::max(p.size(), q.size())));
    }
  }
  return static_cast<double>(front + end) + common;
}

namespace {

// The texts between the stars that both sides have; a list's star stays in its text.
std::vector<std::string> gaps_of(const KeySide& side) {
  std::vector<std::string> out(1);
  int star = 0;
  for (const char c : side.pattern) {
    if (c == '*' && star++ != side.list_star) {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  return out;
}

// As a regular expression; `*.` of a list stays as it is.
std::string escaped(const std::string& text) {
  constexpr std::string_view kSpecial = "+()[]{}^$|?\\";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool of_list = i > 0 && text[i - 1] == '*';
    if ((text[i] == '.' && !of_list) || kSpecial.find(text[i]) != std::string_view::npos) out += '\\';
    out += text[i];
  }
  return out;
}

// Numbers between the texts, the texts themselves as they are or as an expression.
std::string between_numbers(const std::vector<std::string>& gaps, std::size_t first, std::size_t last) {
  std::string out;
  for (std::size_t i = first; i <= last; ++i) {
    out += "\\d+";
    if (i < last) out += escaped(gaps[i]);
  }
  return out;
}

bool ends_like(const std::string& pattern, const std::string& tail) {
  return pattern.size() >= tail.size() && pattern.ends_with(tail);
}

}  // namespace

std::optional<RulePatterns> rule_patterns(const std::vector<KeySide>& sources,
                                          const std::vector<KeySide>& targets,
                                          const std::vector<std::string>& others) {
  std::vector<std::vector<std::string>> from;
  std::vector<std::vector<std::string>> to;
  for (const auto& side : sources) from.push_back(gaps_of(side));
  for (const auto& side : targets) to.push_back(gaps_of(side));
  const std::vector<std::string>& model = sources.size() == 1 ? from.front() : to.front();
  const std::size_t last = model.size() - 1;
  std::size_t first = last;  // the first text that is not the same everywhere
  std::size_t end = 0;       // the last one before the tail
  for (const auto* const list : {&from, &to}) {
    for (const auto& gaps : *list) {
      if (gaps.size() != model.size()) return std::nullopt;
      for (std::size_t i = 0; i < last; ++i) {
        if (gaps[i] == model[i]) continue;
        first = std::min(first, i);
        end = std::max(end, i);
      }
    }
  }
  // A tail that other keys have as well does not tell them apart.
  const bool ambiguous = std::any_of(from.begin(), from.end(), [&](const auto& gaps) {
    const auto hit = std::count_if(others.begin(), others.end(),
                                   [&](const auto& other) { return ends_like(other, gaps.back()); });
    return hit > 1;
  });
  if (first == last && ambiguous) first = 0;
  // One group carries numbers over, with the text between them: it has to be the same on both sides.
  if (first < last && end > first) return std::nullopt;
  RulePatterns out;
  for (const auto& gaps : from) {
    std::string text = first == 0 ? "^" : "";
    if (first == last) {
      text += escaped(gaps[last]);
    } else {
      text += escaped(gaps[first]) + "(" + between_numbers(gaps, first + 1, last) + ")" + escaped(gaps[last]);
    }
    out.sources.push_back(text + "$");
  }
  for (const auto& gaps : to)
    out.targets.push_back(first == last ? gaps[last] : gaps[first] + "\\1" + gaps[last]);
  return out;
}

}  // namespace tenon
