// Texts that a pattern matches, found by construction: lint's examples are made of them. Not every text that
// is made does match (what a look-around asks for may stand elsewhere): who uses one checks it with the
// Pattern itself.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tenon {

/// An unescaped `.` that no quantifier follows, as most are written by people who meant a dot.
struct LooseDot {
  std::size_t in_pattern = 0;
  std::size_t in_text = 0;
};

struct SampleText {
  std::string text;
  std::vector<LooseDot> loose_dots;
};

/// Texts for a source pattern in rule syntax, each once. Numbers are 0, 1 and 12; loose dots are dots.
std::vector<SampleText> sample_texts(std::string_view pattern);

/// The same where every look-around is broken: what a negative one forbids is there, what a positive one asks
/// for is not.
std::vector<SampleText> texts_against_lookarounds(std::string_view pattern);

/// The pattern without its look-arounds.
std::string without_lookarounds(std::string_view pattern);

}  // namespace tenon
