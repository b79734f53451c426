#include "values/interpreter.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "values/apply_step.h"
#include "values/decode_lanes.h"
#include "values/demands.h"
#include "values/encode_lanes.h"
#include "values/folds.h"
#include "values/lane_rows.h"

namespace tenon {
namespace {

using lanes::Wide;

// Few enough that what a step reads and writes stays in the nearest cache.
constexpr std::size_t kLanes = 1024;
// Rows shorter than this are not worth a value of their own.
constexpr std::int64_t kWorthARow = 8;

}  // namespace

struct Interpreter::State {
  explicit State(const Recipe& r) : recipe(r), folds(r) {
    wide =
        std::any_of(r.inputs.begin(), r.inputs.end(), [](const Input& i) { return !fits_float(i.coding); });
    const std::size_t slots = r.inputs.size() + r.steps.size();
    if (wide) {
      wide_lanes.resize(slots * kLanes);
      narrow.resize(kLanes);
    } else {
      float_lanes.resize(slots * kLanes);
      spread_lanes.resize(slots * kLanes);
    }
    codes.resize(kLanes);
    long_codes.resize(kLanes);
    own.resize(r.inputs.size());
    by_row.assign(slots, false);
    spread.assign(slots, false);
    for (std::size_t i = 0; i < r.steps.size() && !wide; ++i) {
      if (r.steps[i].kind == StepKind::kConstant)
        std::fill_n(slot<float>(r.inputs.size() + i), kLanes, r.steps[i].value);
    }
  }

  template <class T>
  T* slot(std::size_t index) {
    if constexpr (std::is_same_v<T, float>)
      return float_lanes.data() + index * kLanes;
    else
      return wide_lanes.data() + index * kLanes;
  }

  bool refuse(Refusal refusal, std::uint64_t element, int input, double value) {
    refused = Refused{refusal, element, input, value};
    return false;
  }

  bool is_constant(std::size_t index) const {
    return !wide && index >= recipe.inputs.size() &&
           recipe.steps[index - recipe.inputs.size()].kind == StepKind::kConstant;
  }

  // Which values are the same along the innermost loop of all: they are computed once a row. Others are read
  // in longer rows, where their own places allow it.
  void find_rows(const Nest& nest) {
    const std::size_t inputs = recipe.inputs.size();
    join_loops(nest, 0, inputs, joined);
    inner = joined.extents.empty() ? 1 : joined.extents.back();
    const bool worth = !wide && inner >= kWorthARow;
    for (std::size_t i = 0; i < inputs; ++i) by_row[i] = worth && joined.operands[i].strides.back() == 0;
    for (std::size_t i = 0; i < recipe.steps.size(); ++i) {
      const RecipeStep& step = recipe.steps[i];
      by_row[inputs + i] = worth && (step.kind == StepKind::kConstant || (by_row[step.a] && by_row[step.b]));
    }
    for (std::size_t i = 0; i < inputs; ++i)
      if (!by_row[i]) join_loops(nest, i, i + 1, own[i]);
  }

  // A value for each lane, whether it is one for each row or not.
  template <class T>
  const T* lanes_of(std::size_t index, const lanes::Rows& rows) {
    if constexpr (std::is_same_v<T, float>) {
      if (by_row[index] && !is_constant(index)) {
        float* const out = spread_lanes.data() + index * kLanes;
        if (!spread[index]) rows.spread(slot<float>(index), out);
        spread[index] = true;
        return out;
      }
    }
    return slot<T>(index);
  }

  // Fills the lanes of one input, or one a row.
  template <class T>
  bool read(std::size_t index, const lanes::Rows& rows, std::size_t field) {
    const Input& input = recipe.inputs[index];
    const Nest& nest = by_row[index] ? joined : own[index];
    const NestOperand& operand = nest.operands[by_row[index] ? index : 0];
    const std::int64_t shift = input.by_field.empty() ? 0 : input.by_field[field];
    T* const out = slot<T>(index);
    if (input.fold != Fold::kElement) return read_folds(index, rows, shift, out);
    std::size_t row = 0;
    lanes::with_decoder<T>(input.coding, [&](const auto& decode) {
      lanes::for_rows(nest, operand, rows.first, rows.total,
                      [&](std::size_t lane, std::size_t count, std::int64_t place, std::int64_t stride) {
                        T* const at = by_row[index] ? out + row++ : out + lane;
                        lanes::decode_row(operand, input.coding, place + shift, stride,
                                          by_row[index] ? 1 : count, at, decode);
                      });
    });
    const std::size_t total = by_row[index] ? row : rows.total;
    if (input.demand == Demand::kNothing || !lanes::any_bad(input.demand, out, total, input.coding))
      return true;
    for (std::size_t i = 0; i < total; ++i) {
      if (lanes::is_bad(input.demand, out[i], input.coding))
        return refuse(lanes::refusal_of(input.demand), element_at(index, i, rows), static_cast<int>(index),
                      static_cast<double>(out[i]));
    }
    return true;
  }

  // The element at which the value stands that a slot has at `at`.
  std::uint64_t element_at(std::size_t index, std::size_t at, const lanes::Rows& rows) const {
    return rows.first + (by_row[index] && !is_constant(index) ? rows.lane_of(at) : at);
  }

  template <class T>
  bool read_folds(std::size_t index, const lanes::Rows& rows, std::int64_t shift, T* out) {
    const Nest& nest = by_row[index] ? joined : own[index];
    const NestOperand& operand = nest.operands[by_row[index] ? index : 0];
    bool good = true;
    std::int64_t last = -1;
    float value = 0;
    std::size_t row = 0;
    lanes::for_rows(nest, operand, rows.first, rows.total,
                    [&](std::size_t lane, std::size_t count, std::int64_t place, std::int64_t stride) {
                      if (by_row[index]) count = 1;
                      T* const at = by_row[index] ? out + row++ : out + lane;
                      for (std::size_t i = 0; i < count && good; ++i) {
                        const std::int64_t origin = place + shift + static_cast<std::int64_t>(i) * stride;
                        if (origin != last) {
                          float bad = 0;
                          const auto folded = folds.fold(index, operand, origin, bad);
                          if (!folded)
                            good = refuse(lanes::refusal_of(recipe.inputs[index].demand),
                                          rows.first + lane + i, static_cast<int>(index), bad);
                          value = folded.value_or(0);
                        }
                        last = origin;
                        at[i] = static_cast<T>(value);
                      }
                    });
    return good;
  }

  template <class T>
  bool compute(std::size_t index, const lanes::Rows& rows) {
    const RecipeStep& step = recipe.steps[index];
    const std::size_t own = recipe.inputs.size() + index;
    if (is_constant(own)) return true;
    const bool once = by_row[own];
    const T* const a = once ? slot<T>(step.a) : lanes_of<T>(step.a, rows);
    const T* const b = once ? slot<T>(step.b) : lanes_of<T>(step.b, rows);
    const auto at = lanes::apply(step, a, b, slot<T>(own), once ? rows.count() : rows.total);
    return !at || refuse(step.refusal, element_at(own, *at, rows), -1, static_cast<double>(a[*at]));
  }

  // From the last slot to codes: to `out` where they are floats without fields, else to `codes` where they
  // have at most 32 bits, else to `long_codes`.
  template <class T>
  bool encode(const lanes::Rows& rows, std::byte* out) {
    const Result& result = recipe.result;
    const std::size_t total = rows.total;
    const T* const x = lanes_of<T>(recipe.inputs.size() + recipe.steps.size() - 1, rows);
    lanes::Trouble trouble;
    std::optional<std::size_t> beyond;  // the binary32 on the way
    if (result.coding.format == Format::kF64) {
      lanes::encode_double(x, total, long_codes.data());
    } else if (is_integer(result.coding)) {
      trouble = encode_integer(x, total);
    } else if constexpr (std::is_same_v<T, float>) {
      trouble = encode_float(x, total, out);
    } else {
      for (std::size_t i = 0; i < total; ++i) {
        narrow[i] = static_cast<float>(x[i]);
        if (!beyond && std::isinf(narrow[i]) && std::isfinite(x[i])) beyond = i;
      }
      trouble = encode_float(narrow.data(), total, out);
      if (beyond && result.overflow == Overflow::kError && (!trouble.lane || *beyond < *trouble.lane))
        trouble = {beyond, Refusal::kRange};
    }
    if (trouble.lane)
      return refuse(trouble.refusal, rows.first + *trouble.lane, -1, static_cast<double>(x[*trouble.lane]));
    return !result.exact || all_come_back<T>(rows.first, total);
  }

  bool goes_straight_out() const {
    const Result& result = recipe.result;
    return result.fields.empty() && !result.exact && !is_integer(result.coding) &&
           result.coding.format != Format::kF64;
  }

  template <class T>
  lanes::Trouble encode_integer(const T* x, std::size_t total) {
    const Coding coding = recipe.result.coding;
    if constexpr (std::is_same_v<T, float>) {
      if (coding.bits <= 8) return lanes::encode_byte(coding, x, total, codes.data());
    }
    const lanes::Trouble trouble = lanes::encode_integer(coding, x, total, long_codes.data());
    if (coding.bits <= 32 && !trouble.lane)
      for (std::size_t i = 0; i < total; ++i) codes[i] = static_cast<std::uint32_t>(long_codes[i]);
    return trouble;
  }

  lanes::Trouble encode_float(const float* x, std::size_t total, std::byte* out) {
    if (goes_straight_out())
      return lanes::encode_float(recipe.result, recipe.result.element_bits, x, total, out);
    return lanes::encode_float(recipe.result, 32, x, total, reinterpret_cast<std::byte*>(codes.data()));
  }

  template <class T>
  bool all_come_back(std::uint64_t first, std::size_t total) {
    const Coding from = recipe.inputs.front().coding;
    const Coding to = recipe.result.coding;
    const T* const was = lanes_of<T>(0, {first, total, inner});
    bool good = true;
    lanes::with_decoder<Wide>(to, [&](const auto& decode) {
      for (std::size_t i = 0; i < total && good; ++i) {
        const Wide back = decode(to.bits > 32 ? long_codes[i] : codes[i]);
        const Wide x = was[i];
        const auto fail = [&](Refusal refusal) {
          good = refuse(refusal, first + i, 0, static_cast<double>(x));
        };
        if (is_integer(from)) {
          if (!std::isfinite(back) || std::nearbyint(back) != back)
            fail(Refusal::kInexact);
          else if (back < lanes::least(from) || back > lanes::most(from))
            fail(Refusal::kRange);
          else if (back != x)
            fail(Refusal::kInexact);
          continue;
        }
        const bool same = back == x && std::signbit(back) == std::signbit(x);
        if (!same && !(std::isnan(back) && std::isnan(x))) fail(Refusal::kInexact);
      }
    });
    return good;
  }

  // One block of lanes, all its fields, to `out`.
  template <class T>
  bool run_block(const lanes::Rows& rows, std::byte* out) {
    const Result& result = recipe.result;
    const std::size_t fields = std::max<std::size_t>(result.fields.size(), 1);
    for (std::size_t field = 0; field < fields; ++field) {
      std::fill(spread.begin(), spread.end(), false);
      for (std::size_t i = 0; i < recipe.inputs.size(); ++i) {
        const bool again = field > 0 && recipe.inputs[i].by_field.empty();
        if (!again && !read<T>(i, rows, field)) return false;
      }
      for (std::size_t i = 0; i < recipe.steps.size(); ++i)
        if (!compute<T>(i, rows)) return false;
      if (!encode<T>(rows, out)) return false;
      if (!result.fields.empty()) collect(result.fields[field], field == 0, rows.total);
    }
    if (!goes_straight_out()) store(rows.total, out);
    return true;
  }

  void collect(int shift, bool fresh, std::size_t total) {
    if (fresh) {
      std::fill_n(gathered.begin(), total, 0);
    }
    for (std::size_t i = 0; i < total; ++i)
      gathered[i] |= shift >= 0 ? codes[i] << shift : codes[i] >> -shift;
  }

  template <class Word, class From>
  static void store_as(const From* from, std::size_t total, std::byte* out) {
    for (std::size_t i = 0; i < total; ++i) {
      const auto word = static_cast<Word>(from[i]);
      std::memcpy(out + i * sizeof(Word), &word, sizeof(Word));
    }
  }

  void store(std::size_t total, std::byte* out) const {
    const Result& result = recipe.result;
    const std::uint32_t* from = result.fields.empty() ? codes.data() : gathered.data();
    switch (result.element_bits) {
      case 8:
        return store_as<std::uint8_t>(from, total, out);
      case 16:
        return store_as<std::uint16_t>(from, total, out);
      case 32:
        return store_as<std::uint32_t>(from, total, out);
      case 64:
        return store_as<std::uint64_t>(long_codes.data(), total, out);
      default:
        throw std::logic_error("a recipe makes elements of no whole number of bytes");
    }
  }

  const Recipe recipe;
  Folds folds;
  Nest joined;             // of all operands
  std::vector<Nest> own;   // of each alone, where it has a value a lane
  std::int64_t inner = 1;  // elements of the innermost loop
  bool wide = false;
  std::vector<float> float_lanes;   // a slot of kLanes for each input and step
  std::vector<float> spread_lanes;  // the same for slots that have a value a row, when a lane needs it
  std::vector<bool> by_row;         // by slot
  std::vector<bool> spread;
  std::vector<Wide> wide_lanes;
  std::vector<float> narrow;
  std::vector<std::uint32_t> codes;
  std::vector<std::uint32_t> gathered = std::vector<std::uint32_t>(kLanes);
  std::vector<std::uint64_t> long_codes;
  std::optional<Refused> refused;
};

namespace {

// The bits from `place` on that the loops and the fields reach lie within the tensor.
void require_within(const Nest& nest, const Recipe& recipe) {
  if (nest.operands.size() != recipe.inputs.size() || nest.extents.size() > kMostLoops)
    throw std::logic_error("a nest does not fit its recipe");
  for (std::size_t k = 0; k < nest.operands.size(); ++k) {
    const NestOperand& operand = nest.operands[k];
    const Input& input = recipe.inputs[k];
    std::int64_t low = operand.offset;
    std::int64_t high = operand.offset;
    const auto reach = [&](std::int64_t extent, std::int64_t stride) {
      (stride < 0 ? low : high) += (extent - 1) * stride;
    };
    for (std::size_t i = 0; i < nest.extents.size(); ++i) reach(nest.extents[i], operand.strides[i]);
    for (const FoldLoop& loop : input.block) reach(loop.extent, loop.stride);
    std::int64_t least_shift = 0;
    std::int64_t most_shift = 0;
    for (const std::int64_t shift : input.by_field) {
      least_shift = std::min(least_shift, shift);
      most_shift = std::max(most_shift, shift);
    }
    if (low + least_shift < 0 ||
        high + most_shift + input.coding.bits > static_cast<std::int64_t>(operand.size) * 8)
      throw std::logic_error("an operand leaves its tensor");
  }
}

}  // namespace

Interpreter::Interpreter(const Recipe& recipe) : state_(std::make_unique<State>(recipe)) {}
Interpreter::~Interpreter() = default;
Interpreter::Interpreter(Interpreter&&) noexcept = default;
Interpreter& Interpreter::operator=(Interpreter&&) noexcept = default;

std::size_t Interpreter::element_bytes() const {
  return state_->recipe.result.element_bits / 8;
}

std::optional<Refused> Interpreter::run(const Nest& nest, std::byte* out) {
  State& state = *state_;
  require_within(nest, state.recipe);
  state.refused.reset();
  state.find_rows(nest);
  const std::uint64_t count = element_count(nest);
  for (std::uint64_t first = 0; first < count; first += kLanes) {
    const lanes::Rows rows(first, static_cast<std::size_t>(std::min<std::uint64_t>(kLanes, count - first)),
                           state.inner);
    std::byte* const at = out + first * element_bytes();
    const bool good = state.wide ? state.run_block<Wide>(rows, at) : state.run_block<float>(rows, at);
    if (!good) return state.refused;
  }
  return std::nullopt;
}

}  // namespace tenon
