#include "values/folds.h"

#include <algorithm>
#include <cmath>

#include "values/decode_lanes.h"
#include "values/demands.h"
#include "values/lane_clones.h"

namespace tenon {
namespace {

constexpr std::int64_t kWorthKeeping = 256;  // elements of a block whose fold is remembered
constexpr std::size_t kKept = 2048;
constexpr int kKeptShift = 64 - 11;

template <class Word>
constexpr auto kMagnitude = static_cast<Word>(~(Word{1} << (sizeof(Word) * 8 - 1)));

// Numbers compare as their codes do when those below zero are turned round: -0 comes just before +0.
template <class Word>
Word key_of(Word code) {
  return static_cast<Word>(code < 0 ? code ^ kMagnitude<Word> : code);
}

template <class Word>
struct Extremes {
  Word least = 0;
  Word most = 0;
};

// Rows of codes, `step` bytes apart.
struct CodeRows {
  const std::byte* at = nullptr;
  std::int64_t rows = 1;
  std::int64_t step = 0;
  std::size_t count = 0;
};

// Takes in rows of codes: by magnitude, or by key. Many extremes side by side, which are brought together at
// the end: vectors need not be taken apart for each row.
template <class Word>
Extremes<Word> extremes_of(bool magnitudes, const CodeRows& codes, Extremes<Word> so_far) {
  constexpr std::size_t kSide = 64;
  std::array<Word, kSide> least;
  std::array<Word, kSide> most;
  least.fill(so_far.least);
  most.fill(so_far.most);
  for (std::int64_t row = 0; row < codes.rows; ++row) {
    const std::byte* at = codes.at + row * codes.step;
    std::size_t i = 0;
    for (; magnitudes && i + kSide <= codes.count; i += kSide, at += kSide * sizeof(Word)) {
      for (std::size_t k = 0; k < kSide; ++k) {
        const auto key = static_cast<Word>(lanes::load<Word>(at + k * sizeof(Word)) & kMagnitude<Word>);
        most[k] = key > most[k] ? key : most[k];
      }
    }
    for (; !magnitudes && i + kSide <= codes.count; i += kSide, at += kSide * sizeof(Word)) {
      for (std::size_t k = 0; k < kSide; ++k) {
        const Word key = key_of(lanes::load<Word>(at + k * sizeof(Word)));
        least[k] = key < least[k] ? key : least[k];
        most[k] = key > most[k] ? key : most[k];
      }
    }
    for (; i < codes.count; ++i, at += sizeof(Word)) {
      const Word code = lanes::load<Word>(at);
      const Word key = magnitudes ? static_cast<Word>(code & kMagnitude<Word>) : key_of(code);
      if (!magnitudes) least[0] = std::min(least[0], key);
      most[0] = std::max(most[0], key);
    }
  }
  return {*std::min_element(least.begin(), least.end()), *std::max_element(most.begin(), most.end())};
}

TENON_LANE_CLONES
Extremes<std::int16_t> extremes_of_halves(bool magnitudes, const CodeRows& codes,
                                          Extremes<std::int16_t> so_far) {
  return extremes_of(magnitudes, codes, so_far);
}
TENON_LANE_CLONES
Extremes<std::int32_t> extremes_of_words(bool magnitudes, const CodeRows& codes,
                                         Extremes<std::int32_t> so_far) {
  return extremes_of(magnitudes, codes, so_far);
}

// Calls `run(place)` for each run of a block along its innermost loops, of which there are `inner`; stops
// where that is false.
template <class Run>
bool for_runs(const Input& input, std::int64_t origin, std::size_t inner, const Run& run) {
  std::array<std::int64_t, kMostLoops> at{};
  const std::size_t depth = input.block.size() - std::min(inner, input.block.size());
  std::int64_t runs = 1;
  for (std::size_t i = 0; i < depth; ++i) runs *= input.block[i].extent;
  std::int64_t place = origin;
  for (std::int64_t done = 0; done < runs; ++done) {
    if (!run(place)) return false;
    for (std::size_t i = depth; i-- > 0;) {
      place += input.block[i].stride;
      if (++at[i] < input.block[i].extent) break;
      place -= at[i] * input.block[i].stride;
      at[i] = 0;
    }
  }
  return true;
}

// The fold of a block of F32, BF16 or F16 by its codes alone, many at a time. Nothing where one is no
// ordinary number, or where it is a zero, of which the first counts.
template <class Word, class Take>
std::optional<float> fold_codes(const Input& input, const std::byte* bytes, std::int64_t origin,
                                Word infinity, const Take& take) {
  const bool magnitudes = input.fold == Fold::kLargest;
  const Word first = key_of(lanes::load<Word>(bytes + origin / 8));
  Extremes<Word> all{first, magnitudes ? Word{0} : first};
  const std::size_t depth = input.block.size();
  CodeRows rows;
  rows.count = static_cast<std::size_t>(input.block.back().extent);
  if (depth > 1) {
    rows.rows = input.block[depth - 2].extent;
    rows.step = input.block[depth - 2].stride / 8;
  }
  for_runs(input, origin, 2, [&](std::int64_t place) {
    rows.at = bytes + place / 8;
    all = take(magnitudes, rows, all);
    return true;
  });
  if (magnitudes) all.least = 0;
  const auto magnitude = [](Word key) { return static_cast<Word>(key_of(key) & kMagnitude<Word>); };
  if (magnitude(all.least) >= infinity || magnitude(all.most) >= infinity) return std::nullopt;
  const Word code = key_of(input.fold == Fold::kMinimum ? all.least : all.most);
  if (!magnitudes && magnitude(key_of(code)) == 0) return std::nullopt;
  if constexpr (sizeof(Word) == 4) {
    return lanes::from_bits(static_cast<std::uint32_t>(code));
  } else {
    const auto bits = static_cast<std::uint32_t>(static_cast<std::uint16_t>(code));
    return input.coding.format == Format::kBF16 ? lanes::decode_bf16(bits) : lanes::decode_f16(bits);
  }
}

}  // namespace

Folds::Folds(const Recipe& recipe) : inputs_(recipe.inputs), kept_(recipe.inputs.size()) {
  for (std::size_t i = 0; i < inputs_.size(); ++i)
    if (inputs_[i].fold != Fold::kElement) kept_[i].assign(kKept, {});
}

std::optional<float> Folds::fold(std::size_t index, const NestOperand& operand, std::int64_t origin,
                                 float& refused) {
  const Input& input = inputs_[index];
  std::int64_t elements = 1;
  for (const FoldLoop& loop : input.block) elements *= loop.extent;
  if (elements == 0) return 0;
  Kept* memory = nullptr;
  if (elements >= kWorthKeeping) {
    memory = &kept_[index][static_cast<std::size_t>(
        static_cast<std::uint64_t>(origin) / 8 * 0x9E37'79B9'7F4A'7C15ULL >> kKeptShift)];
    if (memory->bytes == operand.bytes && memory->place == origin) return memory->value;
  }
  std::optional<float> found = by_codes(input, operand, origin);
  if (!found) found = by_numbers(input, operand, origin, refused);
  if (found && memory != nullptr) *memory = {operand.bytes, origin, *found};
  return found;
}

std::optional<float> Folds::by_codes(const Input& input, const NestOperand& operand,
                                     std::int64_t origin) const {
  const bool dense = !input.block.empty() && input.block.back().stride == input.coding.bits;
  if (!dense || origin % 8 != 0) return std::nullopt;
  if (input.demand != Demand::kNothing && input.demand != Demand::kFinite) return std::nullopt;
  switch (input.coding.format) {
    case Format::kF32:
      return fold_codes<std::int32_t>(input, operand.bytes, origin, 0x7F80'0000, extremes_of_words);
    case Format::kBF16:
      return fold_codes<std::int16_t>(input, operand.bytes, origin, 0x7F80, extremes_of_halves);
    case Format::kF16:
      return fold_codes<std::int16_t>(input, operand.bytes, origin, 0x7C00, extremes_of_halves);
    default:
      return std::nullopt;
  }
}

std::optional<float> Folds::by_numbers(const Input& input, const NestOperand& operand, std::int64_t origin,
                                       float& refused) {
  const std::int64_t extent = input.block.empty() ? 1 : input.block.back().extent;
  const std::int64_t stride = input.block.empty() ? 0 : input.block.back().stride;
  bool first = true;
  float folded = 0;
  const auto take = [&](std::int64_t place, std::size_t count) {
    lanes::with_decoder<float>(input.coding, [&](const auto& decode) {
      lanes::decode_row(operand, input.coding, place, stride, count, numbers_.data(), decode);
    });
    if (lanes::any_bad(input.demand, numbers_.data(), count, input.coding)) {
      refused = *std::find_if(numbers_.begin(), numbers_.begin() + static_cast<std::ptrdiff_t>(count),
                              [&](float x) { return lanes::is_bad(input.demand, x, input.coding); });
      return false;
    }
    for (std::size_t i = 0; i < count; ++i) {
      const float x = input.fold == Fold::kLargest ? std::fabs(numbers_[i]) : numbers_[i];
      const bool replaces = first || (input.fold == Fold::kMinimum ? x < folded : x > folded);
      folded = replaces ? x : folded;
      first = false;
    }
    return true;
  };
  const bool good = for_runs(input, origin, 1, [&](std::int64_t place) {
    for (std::int64_t from = 0; from < extent; from += static_cast<std::int64_t>(kRun)) {
      const auto count = std::min(extent - from, static_cast<std::int64_t>(kRun));
      if (!take(place + from * stride, static_cast<std::size_t>(count))) return false;
    }
    return true;
  });
  return good ? std::optional(folded) : std::nullopt;
}

}  // namespace tenon
