#include "values/operations/word_stream.h"

#include <algorithm>
#include <numeric>

namespace tenon {

WordPeriod word_period(std::int64_t bits) {
  const std::int64_t common = std::gcd(bits, std::int64_t{32});
  return {32 / common, bits / common};
}

std::int64_t words_for(std::int64_t n, std::int64_t bits) {
  return (n * bits + 31) / 32;
}

std::vector<ReadClass> read_classes(std::int64_t n, std::int64_t bits) {
  const WordPeriod period = word_period(bits);
  std::vector<ReadClass> out;
  for (std::int64_t k = 0; k < std::min(period.elements, n); ++k) {
    ReadClass c{k, (n - k + period.elements - 1) / period.elements, {}};
    const std::int64_t begin = k * bits;
    const std::int64_t here = std::min(bits, 32 - begin % 32);
    c.slices.push_back({begin / 32, begin % 32, static_cast<std::uint8_t>(here), 0});
    if (here < bits)
      c.slices.push_back({begin / 32 + 1, 0, static_cast<std::uint8_t>(bits - here), static_cast<int>(here)});
    out.push_back(std::move(c));
  }
  return out;
}

std::vector<std::int16_t> WriteClass::shifts() const {
  std::vector<std::int16_t> out;
  for (const WordField& field : fields) out.push_back(field.shift);
  return out;
}

std::vector<std::int64_t> WriteClass::by_field(std::int64_t stride) const {
  std::vector<std::int64_t> out;
  for (const WordField& field : fields) out.push_back(field.element * stride);
  return out;
}

std::vector<std::int64_t> WriteClass::group_by_field(std::int64_t stride) const {
  std::vector<std::int64_t> out;
  for (const WordField& field : fields) out.push_back(field.group * stride);
  return out;
}

namespace {

// The fields of word `word` of a period whose first element is `start`.
std::vector<WordField> fields_of(std::int64_t word, std::int64_t bits, std::int64_t start, std::int64_t n) {
  std::vector<WordField> out;
  for (std::int64_t e = 32 * word / bits; e * bits < 32 * (word + 1) && start + e < n; ++e)
    out.push_back({e, static_cast<std::int16_t>(e * bits - 32 * word), 0});
  return out;
}

}  // namespace

std::vector<WriteClass> write_classes(std::int64_t n, std::int64_t bits, std::int64_t group) {
  const WordPeriod period = word_period(bits);
  const bool one_group = group >= n;
  const bool aligned = one_group || group % period.elements == 0;
  std::vector<WriteClass> out;
  for (std::int64_t word = 0; word < period.words; ++word) {
    const std::int64_t last = (32 * (word + 1) - 1) / bits;  // the last element with a bit in it
    const std::int64_t full = n > last ? (n - 1 - last) / period.elements + 1 : 0;
    const auto add = [&](std::int64_t q, std::int64_t groups, std::int64_t words) {
      WriteClass c;
      c.first_word = q * period.words + word;
      c.first_element = q * period.elements;
      c.first_group = one_group ? 0 : c.first_element / group;
      c.groups = groups;
      c.words = words;
      c.group_elements = group;
      c.group_words = one_group ? 0 : group / period.elements * period.words;
      c.period = period;
      c.fields = fields_of(word, bits, c.first_element, n);
      for (WordField& f : c.fields) {
        if (!one_group) f.group = (c.first_element + f.element) / group - c.first_group;
      }
      if (!c.fields.empty()) out.push_back(std::move(c));
    };
    const std::int64_t each = !aligned ? 1 : one_group ? full : group / period.elements;
    const std::int64_t groups = each > 0 ? full / each : 0;
    if (aligned && groups > 0) add(0, groups, each);
    if (!aligned) {
      for (std::int64_t q = 0; q < full; ++q) add(q, 1, 1);
    } else if (each > 0 && full % each > 0) {
      add(groups * each, 1, full % each);
    }
    add(full, 1, 1);  // the last word, not full, where there is one
  }
  return out;
}

}  // namespace tenon
