// Every operation by the CUDA backend: its production and fixed-order results within the bound of its
// reference, its reference equal to the CPU's, and changed weights the same as changed on the CPU.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "modules/bind_program.h"
#include "modules/cpu/cpu_backend.h"
#include "modules/cuda/cuda_backend.h"
#include "modules/operation.h"
#include "modules/parse_modules.h"
#include "parity/compare.h"
#include "parity/seeded_inputs.h"
#include "rules/parse_rules.h"

namespace tenon {
namespace {

Backend& cuda() {
  std::string why;
  static const auto backend = open_cuda_backend(why);
  return *backend;
}

Backend& cpu() {
  static const auto backend = open_cpu_backend();
  return *backend;
}

// A program of one value `y`, or of `compare`, on an input `x`, given in YAML flow style.
BoundProgram bound(const std::string& steps, const Shape& x, const WeightShapes& weights) {
  Diagnostics diagnostics;
  const RuleFile file = parse_rules(
      "tenon: 1\nname: t\nabout: t\nmodules:\n- {name: t, at: '**', inputs: {x: [1]}, original: " + steps +
          ", fused: " + steps + ", compare: [y]}\n",
      "t.yaml", diagnostics);
  const auto programs = parse_modules(file, diagnostics);
  diagnostics.throw_if_errors();
  static const nlohmann::ordered_json kNoConfig = nlohmann::ordered_json::object();
  return bind_program(programs.at(0).original, programs.at(0).inputs, {x}, weights, {kNoConfig, x.front()});
}

ModuleTensor stored(const std::string& name, const Shape& shape, DType dtype, double scale) {
  const Array<float> values = seeded_numbers(shape, *format_of(dtype), 7, name);
  auto bytes = std::make_shared<Bytes>(values.size() * static_cast<std::size_t>(bits_of(dtype) / 8));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float value = round_to(*format_of(dtype), static_cast<float>(values[i] * scale));
    if (dtype == DType::kF32) std::memcpy(bytes->data() + 4 * i, &value, 4);
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, 4);
    bits >>= 16;
    if (dtype == DType::kBF16) std::memcpy(bytes->data() + 2 * i, &bits, 2);
  }
  return {name, dtype, shape, bytes};
}

struct Case {
  std::string steps;
  Shape x;
  std::map<std::string, Shape> weights;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"[{op: linear, x: x, weight: w, bias: b, out: y}]", {5, 37}, {{"w", {19, 37}}, {"b", {19}}}},
      {"[{op: linear, x: x, weight: w, transposed: true, out: y}]", {5, 40}, {{"w", {40, 24}}}},
      {"[{op: linear, x: x, weight: w, out: y}]", {257, 4096}, {{"w", {192, 4096}}}},
      {"[{op: conv2d, x: x, weight: w, bias: b, stride: [2, 1], padding: [1, 1], out: y}]",
       {2, 3, 7, 6},
       {{"w", {5, 3, 3, 2}}, {"b", {5}}}},
      {"[{op: conv3d, x: x, weight: w, stride: [2, 2, 2], out: y}]",
       {2, 3, 4, 4, 4},
       {{"w", {5, 3, 2, 2, 2}}}},
      {"[{op: depthwise_conv1d, x: x, weight: w, bias: b, out: y}]", {9, 6}, {{"w", {6, 1, 4}}, {"b", {6}}}},
      {"[{op: rms_norm, x: x, weight: w, epsilon: 0.000001, offset: 1, out: y}]", {5, 33}, {{"w", {33}}}},
      {"[{op: layer_norm, x: x, weight: w, bias: b, epsilon: 0.00001, out: y}]",
       {5, 64},
       {{"w", {64}}, {"b", {64}}}},
      {"[{op: silu, x: x, out: y}]", {40, 20}, {}},
      {"[{op: gelu, x: x, out: y}]", {40, 20}, {}},
      {"[{op: gelu_tanh, x: x, out: y}]", {40, 20}, {}},
      {"[{op: relu, x: x, out: y}]", {40, 20}, {}},
      {"[{op: act_mul_halves, act: silu, x: x, interleaved: true, out: y}]", {5, 34}, {}},
      {"[{op: chunk, x: x, dim: 1, sizes: [3, 3], out: [a, b]}, {op: add, x: a, y: b, out: c}, "
       "{op: mul, x: c, y: b, out: d}, {op: act_mul, act: gelu, x: d, y: c, out: e}, "
       "{op: concat, xs: [e, a], dim: -1, out: f}, {op: reshape, x: f, shape: [6, -1], out: g}, "
       "{op: transpose, x: g, axes: [1, 0], out: y}]",
       {5, 6},
       {}},
      {"[{op: rope, x: x, theta: 10000, out: y}]", {7, 3, 8}, {}},
      {"[{op: rope, x: x, theta: 10000, interleaved: true, rotary_dim: 4, out: y}]", {7, 3, 8}, {}},
      {"[{op: chunk, x: x, dim: 1, sizes: [4, 2, 2], out: [q, k, v]}, {op: attention, q: q, k: k, v: v, "
       "out: y}]",
       {9, 8, 16},
       {}},
      {"[{op: chunk, x: x, dim: 1, sizes: [4, 2, 2], out: [q, k, v]}, "
       "{op: attention, q: q, k: k, v: v, window: 60, out: y}]",
       {130, 8, 128},
       {}},
      {"[{op: patch_linear, x: x, weight: w, patch: [1, 2, 2], out: y}]", {2, 3, 2, 4, 4}, {{"w", {5, 12}}}},
      {"[{op: qkv_linear, x: x, weight: w, bias: b, heads: 4, kv_heads: 2, head_dim: 16, theta: 10000, out: "
       "[q, k, v]}, "
       "{op: attention, q: q, k: k, v: v, out: y}]",
       {9, 64},
       {{"w", {128, 64}}, {"b", {128}}}},
      {"[{op: gated_mlp, x: x, gate_up: w, down: d, act: silu, out: y}]",
       {3, 64},
       {{"w", {192, 64}}, {"d", {64, 96}}}},
      {"[{op: gated_mlp, x: x, gate_up: w, down: d, act: gelu_tanh, out: y}]",
       {20, 64},
       {{"w", {192, 64}}, {"d", {64, 96}}}},
      {"[{op: gated_mlp, x: x, gate_up: w, gate_up_bias: b, down: d, act: silu, out: y}]",
       {70, 64},
       {{"w", {192, 64}}, {"b", {192}}, {"d", {64, 96}}}},
      {"[{op: gated_mlp, x: x, gate_up: w, down: d, act: gelu, interleaved: true, out: y}]",
       {40, 64},
       {{"w", {192, 64}}, {"d", {64, 96}}}},
      {"[{op: rms_norm_mlp, x: x, norm: n, gate_up: w, down: d, act: silu, epsilon: 0.000001, out: y}]",
       {40, 64},
       {{"n", {64}}, {"w", {192, 64}}, {"d", {64, 96}}}},
      {"[{op: rms_norm_mlp, x: x, norm: n, gate: g, up: u, down: d, act: silu, epsilon: 0.000001, out: y}]",
       {4, 64},
       {{"n", {64}}, {"g", {96, 64}}, {"u", {96, 64}}, {"d", {64, 96}}}},
      {"[{op: rms_norm_linear, x: x, norm: n, weight: w, epsilon: 0.000001, out: y}]",
       {9, 64},
       {{"n", {64}}, {"w", {48, 64}}}},
      {"[{op: linear, x: x, weight: r, out: l}, {op: route, logits: l, k: 2, normalise: true, out: [i, p]}, "
       "{op: grouped_experts, x: x, indices: i, weights: p, gate_up: w, down: d, act: silu, out: y}]",
       {150, 64},
       {{"r", {5, 64}}, {"w", {5, 64, 64}}, {"d", {5, 64, 32}}}},
      {"[{op: linear, x: x, weight: r, out: l}, {op: route, logits: l, k: 2, scoring: sigmoid, correction: "
       "c, groups: 3, "
       "groups_kept: 2, group_top2: true, normalise: true, scale: 2.5, out: [i, p]}, {op: grouped_experts, "
       "x: x, "
       "indices: i, weights: p, gate_up: w, down: d, act: silu, transposed: true, interleaved: true, out: "
       "y}]",
       {9, 64},
       {{"r", {6, 64}}, {"c", {6}}, {"w", {6, 64, 64}}, {"d", {6, 32, 64}}}},
      {"[{op: linear, x: x, weight: r, out: l}, {op: route, logits: l, k: 2, normalise: true, out: [i, p]}, "
       "{op: grouped_experts, x: x, indices: i, weights: p, gate: g, up: u, down: d, act: silu, out: y}]",
       {9, 64},
       {{"r", {5, 64}}, {"g", {5, 32, 64}}, {"u", {5, 32, 64}}, {"d", {5, 64, 32}}}},
      {"[{op: linear, x: x, weight: r, out: l}, {op: route, logits: l, k: 2, normalise: true, out: [i, p]}, "
       "{op: grouped_experts, x: x, indices: i, weights: p, up: u, down: d, act: relu2, out: y}]",
       {9, 64},
       {{"r", {5, 64}}, {"u", {5, 32, 64}}, {"d", {5, 64, 32}}}},
      {"[{op: relu2, x: x, out: y}]", {5, 7}, {}},
      // What has no kernel, or none for this form, runs on the host between steps that have.
      {"[{op: sigmoid, x: x, out: a}, {op: tanh, x: a, out: b}, {op: softplus, x: b, out: c}, "
       "{op: softcap, x: c, cap: 0.7, out: d}, {op: clamp, x: d, limit: 0.5, out: e}, "
       "{op: scale, x: e, by: 0.37, out: f}, {op: mul_weight, x: f, weight: w, out: y}]",
       {9, 20},
       {{"w", {20}}}},
      {"[{op: act, x: x, act: silu, out: y}]", {9, 20}, {}},
      {"[{op: linear, x: x, weight: w, out: s}, {op: mul, x: x, y: s, out: y}]", {9, 20}, {{"w", {1, 20}}}},
      {"[{op: rms_norm, x: x, weight: w, epsilon: 0.00001, out: y}]", {5, 3, 12}, {{"w", {3, 12}}}},
      {"[{op: layer_norm_heads, x: x, weights: w.*, epsilon: 0.00001, out: y}]", {5, 3, 12}, {{"w.*", {12}}}},
      {"[{op: rope, x: x, theta: 10000, reverse: true, out: y}]", {7, 3, 8}, {}},
      {"[{op: rope, x: x, theta: 10000, picture: turns, out: y}]", {12, 3, 8}, {}},
      {"[{op: rope, x: x, theta: 10000, picture: halves, out: y}]", {12, 3, 8}, {}},
      {"[{op: rope, x: x, theta: 10000, pairs_to_halves: true, last: true, rotary_dim: 4, out: y}]",
       {7, 3, 8},
       {}},
      {"[{op: position_scale, x: x, by: 0.3, every: 2, offset: 1, out: y}]", {9, 3, 4}, {}},
      {"[{op: chunk, x: x, dim: 1, sizes: [4, 2, 2], out: [q, k, v]}, "
       "{op: attention, q: q, k: k, v: v, sinks: s, softcap: 0.5, window: 4, out: y}]",
       {9, 8, 16},
       {{"s", {4}}}},
      {"[{op: chunk, x: x, dim: 1, sizes: [4, 2, 2], out: [q, k, v]}, "
       "{op: attention, q: q, k: k, v: v, chunk: 3, scale: 0.1, out: y}]",
       {9, 8, 16},
       {}},
      {"[{op: chunk, x: x, dim: 1, sizes: [4, 2, 2], out: [q, k, v]}, "
       "{op: attention, q: q, k: k, v: v, causal: false, scale: 0.1, out: y}]",
       {70, 8, 64},
       {}},
      {"[{op: subtract_heads, x: x, q1: a, k1: b, q2: c, k2: d, init: 0.5, out: y}]",
       {5, 4, 8},
       {{"a", {6}}, {"b", {6}}, {"c", {6}}, {"d", {6}}}},
      {"[{op: gated_mlp, x: x, gate_up: w, down: d, act: silu, limit: 0.4, alpha: 1.702, up_offset: 1, out: "
       "y}]",
       {9, 64},
       {{"w", {192, 64}}, {"d", {64, 96}}}},
      {"[{op: gated_mlp, x: x, gate_up: w, down: d, down_bias: b, act: silu, limit_after: 0.2, out: y}]",
       {9, 64},
       {{"w", {192, 64}}, {"d", {64, 96}}, {"b", {64}}}},
      {"[{op: linear, x: x, weight: r, out: l}, {op: route, logits: l, k: 2, scoring: chosen, out: [i, p]}, "
       "{op: experts, x: x, indices: i, weights: p, gate: g.*, up: u.*, down: d.*, act: silu, out: y}]",
       {9, 64},
       {{"r", {3, 64}}, {"g.*", {32, 64}}, {"u.*", {32, 64}}, {"d.*", {64, 32}}}},
      {"[{op: linear, x: x, weight: r, out: l}, {op: route, logits: l, k: 2, scoring: sqrtsoftplus, "
       "normalise: true, floor: 0.9, out: [i, p]}, {op: experts, x: x, indices: i, weights: p, gate: g.*, "
       "up: u.*, down: d.*, act: silu, limit: 0.3, out: y}]",
       {9, 64},
       {{"r", {3, 64}}, {"g.*", {32, 64}}, {"u.*", {32, 64}}, {"d.*", {64, 32}}}},
      {"[{op: linear, x: x, weight: r, out: l}, {op: route, logits: l, k: 2, scoring: sigmoid, normalise: "
       "true, shared: 2, out: [i, p, z]}, {op: grouped_experts, x: x, indices: i, weights: p, gate_up: w, "
       "down: d, act: silu, limit: 0.3, out: y}]",
       {9, 64},
       {{"r", {7, 64}}, {"w", {5, 64, 64}}, {"d", {5, 64, 32}}}},
      {"[{op: linear, x: x, weight: r, out: l}, {op: route_near, logits: l, jitter: 0.01, out: [i, p]}, "
       "{op: grouped_experts, x: x, indices: i, weights: p, gate_up: w, down: d, act: silu, out: y}]",
       {9, 64},
       {{"r", {5, 64}}, {"w", {5, 64, 64}}, {"d", {5, 64, 32}}}},
  };
  return all;
}

ModuleWeights weights_of(const Case& c, DType dtype) {
  ModuleWeights out;
  for (const auto& [name, shape] : c.weights) {
    // A list has three.
    const int count = name.find('*') == std::string::npos ? 1 : 3;
    for (int i = 0; i < count; ++i) out[name].push_back(stored(name + std::to_string(i), shape, dtype, 0.25));
  }
  return out;
}

}  // namespace

TEST_CASE("cuda: every operation is among the cases") {
  for (const auto& name : module_operation_names()) {
    INFO(name);
    CHECK((name == "embedding" || name == "patches" ||
           std::any_of(cases().begin(), cases().end(), [&](const Case& c) {
             return c.steps.find("{op: " + name + ",") != std::string::npos;
           })));
  }
}

TEST_CASE("cuda: every operation stays within its bound, and its reference is the CPU's") {
  const DType dtype = GENERATE(DType::kF32, DType::kF16, DType::kBF16);
  const NumberFormat format = *format_of(dtype);
  for (const auto& c : cases()) {
    const ModuleWeights weights = weights_of(c, DType::kF32);  // rounded to the format by the backends
    const BoundProgram program = bound(c.steps, c.x, shapes_of(weights));
    const int y = program.slots.at("y");
    const auto at = static_cast<std::size_t>(y);
    const std::vector<Array<float>> inputs = {seeded_numbers(c.x, format, 3, "x")};
    const Held on_gpu = cuda().hold(weights, format);
    const Held on_cpu = cpu().hold(weights, format);
    const Evaluation gpu{program, *on_gpu, inputs, format, {y}};
    const Evaluation host{program, *on_cpu, inputs, format, {y}};
    for (const Order order : {Order::kLibrary, Order::kFixed}) {
      const Computed computed = cuda().run(gpu, order);
      const Reference exact = cuda().reference(gpu, &computed.routes);
      const Reference same = cpu().reference(host, &computed.routes);
      const Deviation d = compare("y", exact.values[at], exact.bounds[at], computed.values[at], format);
      INFO(c.steps << " " << name_of(dtype) << (order == Order::kFixed ? " fixed" : " production") << ": rho "
                   << d.ratio << ", expected " << d.worst.expected << ", got " << d.worst.got);
      CHECK(d.holds());
      CHECK(exact.admissible);
      double apart = 0;
      for (std::size_t i = 0; i < exact.values[at].size(); ++i)
        apart = std::max(apart, std::abs(exact.values[at][i] - same.values[at][i]));
      CHECK(apart < 1e-9);
    }
    CHECK(cuda().seconds(gpu) > 0);
  }
}

TEST_CASE("cuda: sums that cancel, and numbers large and denormal, stay within their bounds") {
  const DType dtype = GENERATE(DType::kF32, DType::kF16, DType::kBF16);
  const NumberFormat format = *format_of(dtype);
  const auto largest = static_cast<float>(format.largest / (dtype == DType::kF16 ? 64 : 4096));
  const auto smallest = static_cast<float>(format.smallest_subnormal);
  const ModuleWeights weights = {{"w", {stored("w", {40, 4096}, DType::kF32, 1)}}};
  const BoundProgram program =
      bound("[{op: linear, x: x, weight: w, out: y}]", {9, 4096}, shapes_of(weights));
  const Held held = cuda().hold(weights, format);
  for (const int what : {0, 1, 2}) {
    Array<float> x = seeded_numbers({9, 4096}, format, 3, "x");
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (what == 0) x[i] = i % 2 == 1 ? -x[i - 1] : round_to(format, x[i] * 1000);
      if (what == 1) x[i] = round_to(format, x[i] / 8 * largest);
      if (what == 2) x[i] = round_to(format, std::nearbyint(x[i] * 4) * smallest);
    }
    const std::vector<Array<float>> inputs = {x};
    const Evaluation e{program, *held, inputs, format, {program.slots.at("y")}};
    const auto at = static_cast<std::size_t>(program.slots.at("y"));
    for (const Order order : {Order::kLibrary, Order::kFixed}) {
      const Computed computed = cuda().run(e, order);
      const Reference exact = cuda().reference(e, nullptr);
      const Deviation d = compare("y", exact.values[at], exact.bounds[at], computed.values[at], format);
      INFO("input " << what << " " << name_of(dtype) << " rho " << d.ratio << " expected " << d.worst.expected
                    << " got " << d.worst.got << " bound " << d.worst.bound);
      CHECK(d.holds());
    }
  }
}

TEST_CASE("cuda: weights are changed as on the CPU") {
  const NumberFormat format = *format_of(GENERATE(DType::kF32, DType::kBF16));
  const ModuleWeights weights = {{"s", {stored("s", {144, 144}, format.dtype, 1)}},
                                 {"t", {stored("t", {144, 144}, format.dtype, 1)}}};
  using Kind = WeightEdit::Kind;
  std::vector<std::size_t> pairs(144);
  std::vector<std::size_t> halves(144);
  for (std::size_t i = 0; i < 144; ++i) pairs[i] = i ^ 1U, halves[i] = (i + 72) % 144;
  const std::vector<WeightEdit> edits = {
      {Kind::kReorder, "s", 0, 0, pairs, "", 0},  {Kind::kReorder, "s", 0, 1, pairs, "", 0},
      {Kind::kReorder, "s", 0, 0, halves, "", 0}, {Kind::kReorder, "s", 0, 1, halves, "", 0},
      {Kind::kTranspose, "s", 0, 0, {}, "", 0},   {Kind::kClear, "s", 0, 0, {}, "", 0},
      {Kind::kFlipBit, "s", 0, 0, {}, "", 0},     {Kind::kTake, "s", 0, 0, {}, "t", 0}};
  // Looking every row up reads the weight.
  const BoundProgram program =
      bound("[{op: embedding, ids: x, weight: s, out: y}]", {144}, WeightShapes{{"s", {{144, 144}}}});
  const int y = program.slots.at("y");
  std::vector<Array<float>> ids = {Array<float>({144})};
  for (std::size_t i = 0; i < 144; ++i) ids[0][i] = static_cast<float>(i);
  for (const auto& edit : edits) {
    REQUIRE(changes_bytes(weights, {edit}));
    const auto rows = [&](Backend& backend, bool changed) {
      const Held before = backend.hold(weights, format);
      const Held after = backend.changed(*before, format, {edit});
      const Evaluation e{program, changed ? *after : *before, ids, format, {y}};
      return backend.run(e, Order::kFixed).values[static_cast<std::size_t>(y)];
    };
    INFO(static_cast<int>(edit.kind) << " along " << edit.axis);
    CHECK(differing_bits(rows(cuda(), true), rows(cpu(), true)) == 0);
    CHECK(differing_bits(rows(cuda(), false), rows(cpu(), false)) == 0);
    CHECK(differing_bits(rows(cuda(), true), rows(cpu(), false)) > 0);
  }
}

}  // namespace tenon
