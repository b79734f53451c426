// GPTQ: qweight [in*b/32, out] packed along the inputs, qzeros [groups, out*b/32], scales [groups, out], and
// g_idx, which may give any input any group. Inputs whose codes and groups lie alike are one piece.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>

#include "values/operations/integers.h"
#include "values/operations/operations.h"

namespace tenon {
namespace {

using Value = RecipeBuilder::Value;

struct Gptq {
  std::int64_t in;
  std::int64_t out;
  std::int64_t bits;
  std::int64_t groups;
  std::int64_t zero_words;  // of a row of qzeros
  DType scale;
  bool adds_one;                       // format v1 stores zero points less one
  std::vector<std::int64_t> group_of;  // by input
};

std::vector<std::int64_t> groups_of(const ValueRequest& request, std::int64_t in, std::int64_t groups) {
  if (request.has("g_idx")) {
    auto group_of = request.integers("g_idx");
    const bool fits =
        request.tensor("g_idx").shape == Shape{in} &&
        std::all_of(group_of.begin(), group_of.end(), [&](auto g) { return g >= 0 && g < groups; });
    if (!fits)
      refuse("shape", "g_idx",
             fmt::format("g_idx does not name a group of {} for each of {} inputs", groups, in));
    return group_of;
  }
  const std::int64_t given = request.integer("group_size", -1, std::int64_t{1} << 40);
  const std::int64_t size = given < 1 ? std::max<std::int64_t>(in, 1) : given;
  if ((in + size - 1) / size != groups)
    refuse("shape", "scales", fmt::format("{} inputs in groups of {} do not make {}", in, size, groups));
  std::vector<std::int64_t> out(static_cast<std::size_t>(in));
  for (std::int64_t i = 0; i < in; ++i) out[static_cast<std::size_t>(i)] = i / size;
  return out;
}

Gptq checked_gptq(const ValueRequest& request, std::int64_t in, std::int64_t out, std::int64_t bits) {
  const ValueTensor& scales = request.tensor("scales", {DType::kF16, DType::kBF16, DType::kF32});
  const ValueTensor& zeros = request.tensor("qzeros", {DType::kI32});
  const std::int64_t groups = scales.shape.empty() ? 0 : scales.shape[0];
  const std::int64_t zero_words = out * bits / 32;
  if (scales.shape != Shape{groups, out} || zeros.shape != Shape{groups, zero_words} ||
      words_for(out, bits) != zero_words) {
    refuse("shape", "scales",
           fmt::format("{} x {} with qzeros {} and scales {}", in, out, to_string(zeros.shape),
                       to_string(scales.shape)));
  }
  return {in,
          out,
          bits,
          groups,
          zero_words,
          scales.dtype,
          request.word("format", {"gptq", "gptq_v2"}, "gptq") == "gptq",
          groups_of(request, in, groups)};
}

// Steps q, q + 1, ... of a class over which the groups of its elements stay, then move on together.
struct Run {
  std::int64_t first;
  std::int64_t repeats;
  std::int64_t length;
  std::int64_t group_step;
};

// `groups_at(q)`: those of the elements of step q.
std::vector<Run> runs_of(std::int64_t count,
                         const std::function<std::vector<std::int64_t>(std::int64_t)>& groups_at) {
  std::vector<Run> out;
  std::vector<std::int64_t> begin;  // groups of the last repeat
  for (std::int64_t q = 0; q < count;) {
    const auto groups = groups_at(q);
    std::int64_t length = 1;
    while (q + length < count && groups_at(q + length) == groups) ++length;
    const bool same_length = !out.empty() && out.back().length == length;
    std::optional<std::int64_t> step;
    if (same_length) step = groups[0] - begin[0];
    for (std::size_t i = 0; step && i < groups.size(); ++i) {
      if (groups[i] - begin[i] != *step) step.reset();
    }
    if (step && (out.back().repeats == 1 || out.back().group_step == *step)) {
      ++out.back().repeats;
      out.back().group_step = *step;
    } else {
      out.push_back({q, 1, length, 0});
    }
    begin = groups;
    q += length;
  }
  return out;
}

}  // namespace

ValueOutputs gptq_dequantize(const ValueRequest& request) {
  const ValueTensor& codes = request.tensor("qweight", {DType::kI32});
  const std::int64_t bits = request.integer("num_bits", 1, 8);
  if (codes.shape.size() != 2) refuse("shape", "qweight", "two dimensions are expected");
  const Gptq g = checked_gptq(request, codes.shape[0] * 32 / bits, codes.shape[1], bits);
  if (words_for(g.in, bits) != codes.shape[0])
    refuse("shape", "qweight",
           fmt::format("qweight {} is no whole number of inputs", to_string(codes.shape)));
  const DType dtype = request.dtype(g.scale);
  const Coding scale = coding_or_refuse(g.scale);
  const WordPeriod period = word_period(bits);
  ValueOutput out{dtype, {g.out, g.in}, {}};
  for (const ReadClass& c : read_classes(g.out == 0 ? 0 : g.in, bits)) {
    const auto groups_at = [&](std::int64_t q) {
      return std::vector{g.group_of[static_cast<std::size_t>(c.first + q * period.elements)]};
    };
    for (const Run& run : runs_of(c.count, groups_at)) {
      const std::int64_t group = groups_at(run.first)[0];
      RecipeBuilder b;
      std::vector<ValueOperand> operands;
      const std::int64_t word = g.out * 32;
      const Affine first{run.first * period.words * word,
                         {32, run.length * period.words * word, period.words * word}};
      const auto q = sliced(b, c.slices, "qweight", first, word, operands);
      const auto s = b.input({scale, Demand::kScale});
      const auto z = b.input({unsigned_bits(bits), g.adds_one ? Demand::kNotAllOnes : Demand::kNothing});
      operands.push_back(operand_at(
          "scales", {group * g.out * scale.bits, {scale.bits, run.group_step * g.out * scale.bits, 0}}));
      operands.push_back(
          operand_at("qzeros", {group * g.zero_words * 32, {bits, run.group_step * g.zero_words * 32, 0}}));
      const auto zero = g.adds_one ? b.add(z, b.constant(1)) : z;
      const auto value = b.round(b.multiply(s, b.subtract(q, zero)), scale);
      ValuePiece piece = piece_at(
          b.finish(value, result_of(dtype, request.overflow())), {g.out, run.repeats, run.length},
          {c.first + run.first * period.elements, {g.in, run.length * period.elements, period.elements}});
      piece.operands = std::move(operands);
      out.pieces.push_back(std::move(piece));
    }
  }
  return {{"weight", std::move(out)}};
}

ValueOutputs gptq_quantize(const ValueRequest& request) {
  const ValueTensor& weight = request.tensor("weight", float_dtypes());
  if (weight.shape.size() != 2) refuse("shape", "weight", "a weight of two dimensions is expected");
  const Gptq g = checked_gptq(request, weight.shape[1], weight.shape[0], request.integer("num_bits", 1, 8));
  const Coding scale = coding_or_refuse(g.scale);
  const Coding coding = coding_or_refuse(weight.dtype);
  const std::int64_t wide = coding.bits;
  ValueOutput out{DType::kI32, {words_for(g.in, g.bits), g.out}, {}};
  for (const WriteClass& c : write_classes(g.out == 0 ? 0 : g.in, g.bits, g.in)) {
    const auto groups_at = [&](std::int64_t q) {
      std::vector<std::int64_t> groups;
      for (const WordField& field : c.fields)
        groups.push_back(
            g.group_of[static_cast<std::size_t>(c.first_element + q * c.period.elements + field.element)]);
      return groups;
    };
    for (const Run& run : runs_of(c.words, groups_at)) {
      const auto groups = groups_at(run.first);
      const auto by_group = [&](std::int64_t stride) {
        std::vector<std::int64_t> by_field;
        for (const std::int64_t group : groups) by_field.push_back((group - groups[0]) * stride);
        return by_field;
      };
      const std::int64_t element = c.first_element + run.first * c.period.elements;
      const std::int64_t step = c.period.elements * wide;
      const std::int64_t scale_row = g.out * scale.bits;
      const std::int64_t zero_row = g.zero_words * 32;
      RecipeBuilder b;
      const auto x = b.input({coding, Demand::kFinite, Fold::kElement, {}, c.by_field(wide)});
      const auto s = b.input({scale, Demand::kScale, Fold::kElement, {}, by_group(scale_row)});
      const auto z =
          b.input({unsigned_bits(g.bits), Demand::kNothing, Fold::kElement, {}, by_group(zero_row)});
      const auto zero = g.adds_one ? b.add(z, b.constant(1)) : z;
      const auto code = b.add(b.round_integer(b.divide(x, s)), zero);
      ValuePiece piece =
          piece_at(b.finish(code, packed_words(g.bits, c.shifts())), {run.repeats, run.length, g.out},
                   {(c.first_word + run.first * c.period.words) * g.out,
                    {run.length * c.period.words * g.out, c.period.words * g.out, 1}});
      piece.operands = {
          operand_at("weight", {element * wide, {run.length * step, step, g.in * wide}}),
          operand_at("scales", {groups[0] * scale_row, {run.group_step * scale_row, 0, scale.bits}}),
          operand_at("qzeros", {groups[0] * zero_row, {run.group_step * zero_row, 0, g.bits}})};
      out.pieces.push_back(std::move(piece));
    }
  }
  ValueOutputs made = {{"qweight", std::move(out)}};
  for (const char* const role : {"scales", "qzeros", "g_idx"}) {
    if (request.has(role)) made.emplace(role, copied(request.tensor(role), role));
  }
  return made;
}

ValueOutputs gptq_to_packed(const ValueRequest& request) {
  const ValueTensor& codes = request.tensor("qweight", {DType::kI32});
  const std::int64_t bits = request.integer("num_bits", 1, 8);
  if (32 % bits != 0)
    refuse("parameter", "",
           fmt::format("codes of {} bits lie across words, which are repacked as they are", bits));
  if (codes.shape.size() != 2) refuse("shape", "qweight", "two dimensions are expected");
  const Gptq g = checked_gptq(request, codes.shape[0] * 32 / bits, codes.shape[1], bits);
  const std::int64_t given = request.integer("group_size", -1, std::int64_t{1} << 40);
  const std::int64_t size = given < 1 ? std::max<std::int64_t>(g.in, 1) : given;
  if (g.in % size != 0 || g.groups != g.in / size)
    refuse("shape", "scales", fmt::format("{} inputs in groups of {} do not make {}", g.in, size, g.groups));
  for (std::int64_t i = 0; i < g.in; ++i) {
    const std::int64_t group = g.group_of[static_cast<std::size_t>(i)];
    if (group == i / size) continue;
    refuse("shape", "g_idx",
           fmt::format("g_idx gives input {} group {}, and packed weights have groups of {} in order: a "
                       "checkpoint whose inputs are ordered by activation is decoded instead, with --dtype",
                       i, group, size));
  }
  const ValueTensor& zeros = request.tensor("qzeros");
  return {{"weight_packed", transposed(codes, "qweight")},
          {"weight_scale", transposed(request.tensor("scales"), "scales")},
          {"weight_shape", shape_tensor(g.out, g.in)},
          {"weight_zero_point", g.adds_one ? transposed_codes(zeros, "qzeros", bits, 1, Demand::kNotAllOnes)
                                           : transposed(zeros, "qzeros")}};
}

}  // namespace tenon
