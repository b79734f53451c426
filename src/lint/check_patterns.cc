// What a source pattern takes beside what it is meant for.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "lint/checks.h"

namespace tenon {
namespace {

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

const std::string& pattern_of(const Probe& probe, const SampleKey& sample) {
  return probe.transform().source_patterns[static_cast<std::size_t>(sample.rewrite.alternative)];
}

// The pattern's own place; with `in_pattern`, the column of that character where the source line shows it.
Place place_in(const Probe& probe, const SampleKey& sample, std::size_t in_pattern) {
  Place place = probe.place_of_source(static_cast<std::size_t>(sample.rewrite.alternative));
  const std::size_t written = place.source_line.find(pattern_of(probe, sample),
                                                     static_cast<std::size_t>(std::max(place.column, 1)) - 1);
  if (place.column > 0 && written != std::string::npos)
    place.column = static_cast<int>(written + in_pattern) + 1;
  return place;
}

// A key with another character where a loose dot stood, if the pattern takes it as well.
std::optional<std::string> key_beside_dot(Probe& probe, const SampleKey& sample, const LooseDot& dot) {
  for (const char other : {'_', 'x', '0'}) {
    std::string key = sample.key;
    key[dot.in_text] = other;
    const auto rewrite = probe.forward(key);
    if (rewrite && rewrite->alternative == sample.rewrite.alternative) return key;
  }
  return std::nullopt;
}

// One finding a transform: its first dot, and how many more there are.
void lint_dots(LintSubject& subject, Probe& probe) {
  std::optional<std::string> key;
  const SampleKey* witness = nullptr;
  std::size_t at = 0;
  std::size_t more = 0;
  int counted = -1;
  for (const auto& sample : probe.samples()) {
    if (sample.rewrite.alternative == counted) continue;  // all samples of a pattern have the same dots
    counted = sample.rewrite.alternative;
    for (const auto& dot : sample.loose_dots) {
      auto beside = key_beside_dot(probe, sample, dot);
      if (!beside) continue;
      if (key) {
        ++more;
        continue;
      }
      key = std::move(beside);
      witness = &sample;
      at = dot.in_pattern;
    }
  }
  if (!key) return;
  subject.findings.add(
      "unescaped-dot"_id, place_in(probe, *witness, at),
      fmt::format("the dot at character {} of '{}' matches any character: '{}' is taken as well{}", at + 1,
                  pattern_of(probe, *witness), *key,
                  more > 0 ? fmt::format(" ({} more in this transform)", more) : ""),
      "Write '\\.' for a dot.", probe.transform().index);
}

// Is a key with `inserted` at `at` matched with the cut at `edge`, in the middle of a longer name?
bool cuts_name(Probe& probe, const SampleKey& sample, const std::string& key, std::size_t begin) {
  const auto rewrite = probe.forward(key);
  return rewrite && rewrite->alternative == sample.rewrite.alternative && rewrite->at == begin &&
         rewrite->matched == sample.rewrite.matched;
}

// Whole names to the end of the key, as in 'self_attn\.q_proj\.weight$'. Beside lists and experts stand
// longer names (shared_experts); beside such a module none is known to. What a release's patterns leave open
// is told.
bool names_to_the_end(const LintSubject& subject, const Probe& probe, const SampleKey& sample) {
  const std::string& pattern = pattern_of(probe, sample);
  const std::string& matched = sample.rewrite.matched;
  return subject.file.origin.empty() && pattern.ends_with('$') && pattern.find('*') == std::string::npos &&
         matched.find('.') != std::string::npos && matched.find("expert") == std::string::npos;
}

void lint_neighbours(LintSubject& subject, Probe& probe) {
  for (const auto& sample : probe.samples()) {
    const std::string& key = sample.key;
    const std::size_t begin = sample.rewrite.at;
    const std::size_t end = begin + sample.rewrite.matched.size();
    if (begin == end) continue;
    std::string hit;
    std::string hint;
    if (is_word(key[begin]) && (begin == 0 || !is_word(key[begin - 1])) &&
        !names_to_the_end(subject, probe, sample)) {
      const std::string longer = "shared_";
      std::string neighbour = key;
      neighbour.insert(begin, longer);
      if (cuts_name(probe, sample, neighbour, begin + longer.size())) {
        hit = neighbour;
        hint = "Begin the pattern with '^' or '\\.', or with a look-behind.";
      }
    }
    if (hit.empty() && is_word(key[end - 1]) && (end == key.size() || !is_word(key[end]))) {
      const bool weight = sample.rewrite.matched.ends_with("weight");
      std::string neighbour = key;
      neighbour.insert(end, weight ? "_scale_inv" : "_norm");
      if (cuts_name(probe, sample, neighbour, begin)) {
        hit = neighbour;
        hint = "End the pattern with '$' or '\\.', or with a look-ahead.";
      }
    }
    if (hit.empty()) continue;
    subject.findings.add("hits-neighbour"_id, place_in(probe, sample, 0),
                         fmt::format("'{}' also takes '{}'", pattern_of(probe, sample), hit), hint,
                         probe.transform().index);
    return;
  }
}

// Long runs of what the pattern is made of show nested quantifiers.
void lint_backtracking(LintSubject& subject, Probe& probe) {
  for (const auto& sample : probe.samples()) {
    const std::string unit = sample.rewrite.matched.empty() ? "a" : sample.rewrite.matched.substr(0, 1);
    for (const std::string& run : {unit, std::string("a"), std::string("0")}) {
      std::string key;
      for (int i = 0; i < 60; ++i) key += run;
      try {
        probe.pattern().search(key + "!");
      } catch (const UserError& e) {
        subject.findings.add("endless-pattern"_id, place_in(probe, sample, 0),
                             e.diagnostics().front().message, e.diagnostics().front().hint,
                             probe.transform().index);
        return;
      }
    }
  }
}

}  // namespace

void lint_patterns(LintSubject& subject) {
  for (auto& probe : subject.probes) {
    if (!subject.is_own(probe) || probe.transform().kind == TransformKind::kPrefixChange) continue;
    lint_dots(subject, probe);
    lint_neighbours(subject, probe);
    lint_backtracking(subject, probe);
  }
}

}  // namespace tenon
