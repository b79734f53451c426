// Integers packed into 32-bit words as one little-endian stream of bits: element i is bits [i*b, i*b+b).
// After `period` elements, which fill `words` words, the pattern comes again: within a class everything is
// affine.
#pragma once

#include <cstdint>
#include <vector>

#include "values/operations/block_walk.h"

namespace tenon {

struct WordPeriod {
  std::int64_t elements = 1;
  std::int64_t words = 1;
};
WordPeriod word_period(std::int64_t bits);

/// The words that n elements take.
std::int64_t words_for(std::int64_t n, std::int64_t bits);

/// Part of an element's code: `width` bits at bit `bit` of word `word` of the period, worth 2^shift.
struct CodeSlice {
  std::int64_t word = 0;
  std::int64_t bit = 0;
  std::uint8_t width = 0;
  int shift = 0;
};

/// Elements first, first + period, ...: for reading streams whose words do not stand side by side.
struct ReadClass {
  std::int64_t first = 0;
  std::int64_t count = 0;
  /// two where the code lies in two words
  std::vector<CodeSlice> slices;
};
std::vector<ReadClass> read_classes(std::int64_t n, std::int64_t bits);

/// An element of a word that is written: counted from the word's period, where its code begins, and how many
/// groups after the first element of the class it lies.
struct WordField {
  std::int64_t element = 0;
  std::int16_t shift = 0;
  std::int64_t group = 0;
};

/// Words first_word + (G * groups' step + Q) ... of one row: [groups, words], for writing. Within a class the
/// group of every field is affine too.
struct WriteClass {
  std::int64_t first_word = 0;
  std::int64_t first_element = 0;
  std::int64_t first_group = 0;
  std::int64_t groups = 1;
  std::int64_t words = 1;
  // elements and words from group to group, and from word to word of the class
  std::int64_t group_elements = 0;
  std::int64_t group_words = 0;
  WordPeriod period;
  std::vector<WordField> fields;

  std::vector<std::int16_t> shifts() const;
  /// Bits to add for each field where elements are `stride` bits apart.
  std::vector<std::int64_t> by_field(std::int64_t stride) const;
  std::vector<std::int64_t> group_by_field(std::int64_t stride) const;
};

/// `group`: elements that share a scale; n or more: one group.
std::vector<WriteClass> write_classes(std::int64_t n, std::int64_t bits, std::int64_t group);

}  // namespace tenon
