// The error bounds hold where arithmetic is at its worst, and are not so wide that everything would.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <span>

#include "modules/bind_program.h"
#include "modules/evaluate.h"
#include "modules/operation.h"
#include "modules/parse_modules.h"
#include "parity/compare.h"
#include "parity/seeded_inputs.h"
#include "rules/parse_rules.h"

namespace tenon {
namespace {

// A program of one value `y` on an input `x`, given in YAML flow style.
BoundProgram bound(const std::string& steps, const Shape& x, const WeightShapes& weights) {
  Diagnostics diagnostics;
  const RuleFile file = parse_rules(
      "tenon: 1\nname: t\nabout: t\nmodules:\n- {name: t, at: '**', inputs: {x: [1]}, "
      "original: " +
          steps + ", fused: " + steps + ", compare: [y]}\n",
      "t.yaml", diagnostics);
  const auto programs = parse_modules(file, diagnostics);
  diagnostics.throw_if_errors();
  static const nlohmann::ordered_json kNoConfig = nlohmann::ordered_json::object();
  return bind_program(programs.at(0).original, programs.at(0).inputs, {x}, weights, {kNoConfig, x.front()});
}

struct Judged {
  Deviation library, fixed;
};

Judged judge(const std::string& steps, const Array<float>& x,
             const std::map<std::string, Array<float>>& weights, DType dtype) {
  const NumberFormat format = *format_of(dtype);
  WeightShapes shapes;
  for (const auto& [name, w] : weights) shapes[name] = {w.shape};
  const BoundProgram program = bound(steps, x.shape, shapes);
  const std::vector<Array<float>> inputs = {x};
  std::map<std::string, ArrayWeight> arrays;
  RunOperands given{inputs, SlotWeights(program.shapes.size(), nullptr)};
  for (const auto& [name, w] : weights) {
    given.weights[static_cast<std::size_t>(program.slots.at(weight_slot(name, 0)))] =
        &arrays.try_emplace(name, w).first->second;
  }
  const auto y = static_cast<std::size_t>(program.slots.at("y"));
  const auto against = [&](Order order) {
    const Computed computed = evaluate(program, given, format, order);
    const Reference exact = evaluate_reference(program, given, format, &computed.routes);
    return compare("y", exact.values[y], exact.bounds[y], computed.values[y], format);
  };
  return {against(Order::kLibrary), against(Order::kFixed)};
}

Array<float> numbers(const Shape& shape, DType dtype, const char* name, double scale = 1) {
  Array<float> out = seeded_numbers(shape, *format_of(dtype), 7, name);
  for (auto& value : out.data) value = round_to(*format_of(dtype), static_cast<float>(value * scale));
  return out;
}

}  // namespace

TEST_CASE("bounds: every operation stays within them in every format") {
  const DType dtype = GENERATE(DType::kF32, DType::kF16, DType::kBF16);
  const auto holds = [&](const std::string& steps, const Shape& x,
                         const std::map<std::string, Shape>& shapes) {
    std::map<std::string, Array<float>> weights;
    for (const auto& [name, shape] : shapes) weights[name] = numbers(shape, dtype, name.c_str(), 0.5);
    const Judged judged = judge(steps, numbers(x, dtype, "x"), weights, dtype);
    INFO(steps << " " << name_of(dtype) << " ratio " << judged.library.ratio << ", " << judged.fixed.ratio);
    CHECK(judged.library.holds());
    CHECK(judged.fixed.holds());
    CHECK(std::max(judged.library.ratio, judged.fixed.ratio) >= 0.001);
  };
  holds("[{op: linear, x: x, weight: w, bias: b, out: y}]", {5, 37}, {{"w", {19, 37}}, {"b", {19}}});
  holds("[{op: linear, x: x, weight: w, transposed: true, out: y}]", {5, 37}, {{"w", {37, 19}}});
  holds("[{op: conv2d, x: x, weight: w, bias: b, stride: [2, 1], padding: [1, 1], out: y}]", {2, 3, 7, 6},
        {{"w", {5, 3, 3, 2}}, {"b", {5}}});
  holds("[{op: conv3d, x: x, weight: w, stride: [2, 2, 2], out: y}]", {2, 3, 4, 4, 4},
        {{"w", {5, 3, 2, 2, 2}}});
  holds("[{op: depthwise_conv1d, x: x, weight: w, bias: b, out: y}]", {9, 6}, {{"w", {6, 1, 4}}, {"b", {6}}});
  holds("[{op: rms_norm, x: x, weight: w, epsilon: 0.000001, offset: 1, out: y}]", {5, 33}, {{"w", {33}}});
  holds("[{op: layer_norm, x: x, weight: w, bias: b, epsilon: 0.00001, out: y}]", {5, 33},
        {{"w", {33}}, {"b", {33}}});
  for (const char* act : {"silu", "gelu", "gelu_tanh"})
    holds(std::string("[{op: ") + act + ", x: x, out: y}]", {40, 20}, {});
  holds("[{op: act_mul_halves, act: silu, x: x, interleaved: true, out: y}]", {5, 34}, {});
  holds("[{op: rope, x: x, theta: 10000, out: y}]", {7, 3, 8}, {});
  holds("[{op: rope, x: x, theta: 10000, interleaved: true, rotary_dim: 4, out: y}]", {7, 3, 8}, {});
  holds(
      "[{op: chunk, x: x, dim: 1, sizes: [4, 2, 2], out: [q, k, v]}, "
      "{op: attention, q: q, k: k, v: v, out: y}]",
      {9, 8, 16}, {});
  holds("[{op: rope, x: x, theta: 10000, reverse: true, out: y}]", {7, 3, 8}, {});
  holds("[{op: rope, x: x, theta: 10000, pairs_to_halves: true, last: true, rotary_dim: 4, out: y}]",
        {7, 3, 8}, {});
  holds("[{op: position_scale, x: x, by: 0.3, every: 2, offset: 1, out: y}]", {9, 3, 4}, {});
  holds(
      "[{op: chunk, x: x, dim: 1, sizes: [4, 2, 2], out: [q, k, v]}, "
      "{op: attention, q: q, k: k, v: v, sinks: s, softcap: 0.5, window: 4, out: y}]",
      {9, 8, 16}, {{"s", {4}}});
  holds(
      "[{op: chunk, x: x, dim: 1, sizes: [4, 2, 2], out: [q, k, v]}, "
      "{op: attention, q: q, k: k, v: v, chunk: 3, scale: 0.1, out: y}]",
      {9, 8, 16}, {});
  holds("[{op: rope, x: x, theta: 10000, picture: turns, out: y}]", {12, 3, 8}, {});
  holds("[{op: layer_norm_heads, x: x, weights: w.*, epsilon: 0.00001, out: y}]", {9, 1, 24},
        {{"w.*", {24}}});
  for (const char* act : {"sigmoid", "tanh", "softplus", "exp"})
    holds(std::string("[{op: ") + act + ", x: x, out: y}]", {40, 20}, {});
  for (const char* unit : {"limit: 0.3", "limit_after: 0.2", "alpha: 1.702, up_offset: 1, limit: 0.4"}) {
    holds(std::string("[{op: act_mul_halves, act: silu, x: x, ") + unit + ", out: y}]", {5, 34}, {});
    holds(std::string("[{op: chunk, x: x, dim: 1, out: [a, b]}, {op: act_mul, act: gelu, x: a, y: b, ") +
              unit + ", out: y}]",
          {5, 34}, {});
  }
  holds("[{op: subtract_heads, x: x, q1: a, k1: b, q2: c, k2: d, init: 0.5, out: y}]", {5, 4, 8},
        {{"a", {6}}, {"b", {6}}, {"c", {6}}, {"d", {6}}});
  holds("[{op: softcap, x: x, cap: 0.7, out: y}]", {9, 20}, {});
  holds("[{op: clamp, x: x, limit: 0.7, out: z}, {op: scale, x: z, by: 0.37, out: y}]", {9, 20}, {});
  holds("[{op: mul_weight, x: x, weight: w, out: y}]", {9, 20}, {{"w", {20}}});
  holds("[{op: mul_weight, x: x, weight: w, out: y}]", {9, 20}, {{"w", {1}}});
  holds("[{op: linear, x: x, weight: w, out: s}, {op: mul, x: x, y: s, out: y}]", {9, 20}, {{"w", {1, 20}}});
  holds("[{op: rms_norm, x: x, weight: w, epsilon: 0.00001, out: y}]", {5, 3, 12}, {{"w", {3, 12}}});
  for (const char* how :
       {"scoring: chosen", "scoring: sqrtsoftplus, normalise: true",
        "scoring: sigmoid, normalise: true, floor: 0.9", "scoring: sigmoid, normalise: true, addend: 0.1",
        "scoring: softmax, groups: 3, groups_kept: 2"})
    holds(std::string("[{op: linear, x: x, weight: r, out: l}, {op: route, logits: l, k: 2, ") + how +
              ", out: [i, y]}]",
          {6, 12}, {{"r", {6, 12}}});
  holds(
      "[{op: linear, x: x, weight: r, out: l}, {op: route, logits: l, k: 2, scoring: sigmoid, normalise: "
      "true, "
      "shared: 2, out: [i, w, y]}]",
      {6, 12}, {{"r", {6, 12}}});
  const std::string heads = "{op: chunk, x: x, dim: 1, sizes: [4, 2, 2], out: [q, k, v]}, ";
  holds("[" + heads +
            "{op: reshape, x: x, shape: [9, 128], out: f}, {op: linear, x: f, weight: w, out: s}, "
            "{op: attention, q: q, k: k, v: v, key_scores: s, most_keys: 9, out: y}]",
        {9, 8, 16}, {{"w", {2, 128}}});
  holds("[" + heads +
            "{op: chunk, x: x, dim: 1, sizes: [2, 1, 5], out: [iq, ik, rest]}, "
            "{op: choose_blocks, q: iq, k: ik, block: 2, topk: 2, local: 1, out: b}, "
            "{op: attention, q: q, k: k, v: v, blocks: b, block: 2, groups: 2, out: y}]",
        {9, 8, 16}, {});
  holds(
      "[{op: linear, x: x, weight: r, out: l}, {op: route, logits: l, k: 2, correction: c, correction_row: "
      "1, "
      "out: [i, y]}]",
      {6, 12}, {{"r", {5, 12}}, {"c", {2, 5}}});
  holds(
      "[{op: linear, x: x, weight: r, out: l}, {op: route, logits: l, k: 3, out: [i, p]}, "
      "{op: grouped_experts, x: x, indices: i, weights: p, gate_up: w, down: d, act: silu, identity: 2, out: "
      "y}]",
      {6, 12}, {{"r", {7, 12}}, {"w", {7, 16, 12}}, {"d", {5, 12, 8}}});
  holds("[{op: patch_linear, x: x, weight: w, patch: [1, 2, 2], out: y}]", {2, 3, 2, 4, 4}, {{"w", {5, 12}}});
  holds(
      "[{op: linear, x: x, weight: r, out: l}, {op: route, logits: l, k: 2, normalise: true, out: [i, p]}, "
      "{op: grouped_experts, x: x, indices: i, weights: p, gate_up: w, down: d, act: silu, out: y}]",
      {6, 12}, {{"r", {5, 12}}, {"w", {5, 16, 12}}, {"d", {5, 12, 8}}});
}

TEST_CASE("bounds: blocks and scores of keys that do not fit are told") {
  const std::string heads = "[{op: chunk, x: x, dim: 1, sizes: [4, 2, 2], out: [q, k, v]}, ";
  const auto attention = [&](const std::string& more) {
    return heads + "{op: reshape, x: x, shape: [9, 128], out: f}, {op: linear, x: f, weight: w, out: s}, " +
           "{op: attention, q: q, k: k, v: v, " + more + ", out: y}]";
  };
  const WeightShapes weights = {{"w", {{2, 128}}}};
  CHECK_NOTHROW(bound(attention("key_scores: s, most_keys: 9"), {9, 8, 16}, weights));
  CHECK_THROWS_AS(bound(attention("key_scores: s, most_keys: 8"), {9, 8, 16}, weights), UserError);
  CHECK_THROWS_AS(bound(attention("key_scores: f"), {9, 8, 16}, weights), UserError);
  CHECK_THROWS_AS(bound(attention("blocks: s"), {9, 8, 16}, weights), UserError);
  CHECK_THROWS_AS(bound(attention("blocks: s, block: 2, groups: 3"), {9, 8, 16}, weights), UserError);
}

TEST_CASE("bounds: sums that cancel, and numbers large and denormal") {
  const DType dtype = GENERATE(DType::kF32, DType::kF16, DType::kBF16);
  const std::string linear = "[{op: linear, x: x, weight: w, out: y}]";
  // Each number with its negative: every sum is 0 but for rounding.
  Array<float> x = numbers({3, 512}, dtype, "x");
  Array<float> w({1, 512}, std::vector<float>(512, 1.0F));
  for (std::size_t i = 0; i < x.size(); i += 2) x[i + 1] = -x[i];
  std::rotate(x.data.begin(), x.data.begin() + 255, x.data.begin() + 512);
  CHECK(judge(linear, x, {{"w", w}}, dtype).library.holds());
  CHECK(judge(linear, x, {{"w", w}}, dtype).fixed.holds());
  // Near the largest number of the format; in F16, whose sums FP32 holds, beyond it.
  const auto largest = static_cast<float>(format_of(dtype)->largest / (dtype == DType::kF16 ? 6 : 64));
  Array<float> large = numbers({3, 64}, dtype, "x", 1);
  for (auto& value : large.data) value = round_to(*format_of(dtype), value * largest);
  CHECK(judge(linear, large, {{"w", numbers({4, 64}, dtype, "w", 1)}}, dtype).fixed.holds());
  // Denormal results.
  const auto smallest = static_cast<float>(format_of(dtype)->smallest_subnormal);
  Array<float> small = numbers({3, 64}, dtype, "x");
  for (auto& value : small.data) value = round_to(*format_of(dtype), std::nearbyint(value * 4) * smallest);
  CHECK(judge(linear, small, {{"w", numbers({4, 64}, dtype, "w")}}, dtype).library.holds());
}

TEST_CASE("bounds: sums kept in half precision are outside them") {
  const DType dtype = DType::kF16;
  const NumberFormat format = *format_of(dtype);
  const Array<float> x = numbers({4, 1024}, dtype, "x");
  const Array<float> w = numbers({4, 1024}, dtype, "w");
  const BoundProgram program = bound("[{op: linear, x: x, weight: w, out: y}]", x.shape, {{"w", {w.shape}}});
  const std::vector<Array<float>> inputs = {x};
  const ArrayWeight weight(w);
  RunOperands given{inputs, SlotWeights(program.shapes.size(), nullptr)};
  given.weights[static_cast<std::size_t>(program.slots.at(weight_slot("w", 0)))] = &weight;
  const Reference exact = evaluate_reference(program, given, format, nullptr);
  const auto y = static_cast<std::size_t>(program.slots.at("y"));
  Array<float> poor({4, 4});
  for (std::size_t i = 0; i < 16; ++i) {
    float sum = 0;
    for (std::size_t k = 0; k < 1024; ++k)
      sum = round_to(format, sum + round_to(format, x[i / 4 * 1024 + k] * w[i % 4 * 1024 + k]));
    poor[i] = sum;
  }
  CHECK_FALSE(compare("y", exact.values[y], exact.bounds[y], poor, format).holds());
}

TEST_CASE("compare: NaN and infinity must stand in place") {
  const NumberFormat format = *format_of(DType::kF32);
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const Array<double> exact({4}, {kNaN, kInf, 1, 2});
  const Array<double> bounds({4}, {0, 0, 0.1, 0.1});
  CHECK(compare("y", exact, bounds, {{4}, {NAN, INFINITY, 1, 2}}, format).holds());
  CHECK(compare("y", exact, bounds, {{4}, {NAN, INFINITY, NAN, 2}}, format).outside == 1);
  CHECK(compare("y", exact, bounds, {{4}, {NAN, -INFINITY, 1, 2}}, format).outside == 1);
  CHECK(compare("y", exact, bounds, {{4}, {1, INFINITY, 1, INFINITY}}, format).outside == 2);
  // A bound that says nothing is no proof.
  const Array<double> loose({4}, {0, 0, kInf, 0.1});
  CHECK_FALSE(compare("y", exact, loose, {{4}, {NAN, INFINITY, 1, 2}}, format).holds());
}

TEST_CASE("number formats: rounding to nearest even, subnormals, overflow") {
  const NumberFormat half = *format_of(DType::kF16);
  CHECK(round_to(half, 65519.0) == 65504.0);
  CHECK(std::isinf(round_to(half, 65520.0)));
  CHECK(round_to(half, 2049.0) == 2048.0);
  CHECK(round_to(half, 2051.0) == 2052.0);
  CHECK(round_to(half, 0x1p-25) == 0.0);
  CHECK(round_to(half, 0x1.8p-24) == 0x1p-23);
  for (const float value :
       {65519.0F, 65520.0F, 1e9F, 2049.0F, -2051.0F, 0x1p-25F, 0x1.000002p-25F, -0x1.8p-24F, 0x1.ffcp-15F,
        0x1.ffep-15F, 0x1.fffffep-15F, 1e-40F, INFINITY, 0.3F}) {
    CAPTURE(value);
    CHECK(static_cast<double>(round_to(half, value)) == round_to(half, static_cast<double>(value)));
  }
  CHECK(std::isnan(round_to(half, NAN)));
  const NumberFormat brain = *format_of(DType::kBF16);
  for (const float value : {1.00390625F, 1.01171875F, 3.3e38F, -0.3F, 1e-40F})
    CHECK(static_cast<double>(round_to(brain, value)) == round_to(brain, static_cast<double>(value)));
  CHECK(ulps_between(brain, 1.0, 1.0078125) == 1);
  CHECK(ulps_between(half, -0x1p-24, 0x1p-24) == 2);
}

TEST_CASE("number formats: every half is read as the number that it is") {
  const NumberFormat format = *format_of(DType::kF32);
  int wrong = 0;
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const auto stored = static_cast<std::uint16_t>(bits);
    float got = 0;
    decode(DType::kF16, std::as_bytes(std::span(&stored, 1)), format, &got);
    const int exponent = static_cast<int>(bits >> 10 & 0x1f);
    const int fraction = static_cast<int>(bits & 0x3ff);
    double size = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(0x400 + fraction, exponent - 25);
    if (exponent == 0x1f) size = fraction == 0 ? INFINITY : NAN;
    const bool same = std::isnan(size) ? std::isnan(got) : std::abs(static_cast<double>(got)) == size;
    if (!same || std::signbit(got) != (bits >> 15 != 0)) ++wrong;
  }
  CHECK(wrong == 0);
}

}  // namespace tenon
