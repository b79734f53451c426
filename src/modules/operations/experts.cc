// Experts one by one, whether they are a list of weights or one stack.

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "modules/activation.h"
#include "modules/cuda/gpu_call.h"
#include "modules/operations/parameters.h"
#include "modules/products.h"

namespace tenon {
namespace {

using Kind = Parameter::Kind;

// The weights of one expert; no gate: act(x up) down.
struct Expert {
  std::optional<Matrix> gate;
  Matrix up, down;
};

// Matrix e of a stack.
Matrix layer_of_stack(const Weight& stack, std::int64_t e, bool transposed) {
  const std::int64_t rows = stack.shape()[1];
  const std::int64_t columns = stack.shape()[2];
  const std::int64_t first = e * rows * columns;
  if (transposed) return {&stack, first, columns, rows, 1, columns};
  return {&stack, first, rows, columns, columns, 1};
}

template <typename T>
std::vector<Expert> separate_stacks_of(const Call<T>& call) {
  const bool transposed = call.attributes().flag("transposed");
  const Weight* const gate = call.weight("gate");
  std::vector<Expert> out;
  for (std::int64_t e = 0; e < call.weight("down")->shape()[0]; ++e) {
    out.push_back({std::nullopt, layer_of_stack(*call.weight("up"), e, transposed),
                   layer_of_stack(*call.weight("down"), e, transposed)});
    if (gate != nullptr) out.back().gate = layer_of_stack(*gate, e, transposed);
  }
  return out;
}

template <typename T>
std::vector<Expert> experts_of(const Call<T>& call) {
  std::vector<Expert> out;
  const auto whole = [](const Weight& w) {
    return Matrix{&w, 0, w.shape()[0], w.shape()[1], w.shape()[1], 1};
  };
  if (call.step.operation->name == "experts") {
    for (std::size_t e = 0; e < call.count("down"); ++e) {
      out.push_back({std::nullopt, whole(*call.weight("up", e)), whole(*call.weight("down", e))});
      if (const auto* const gate = call.weight("gate", e)) out.back().gate = whole(*gate);
    }
    return out;
  }
  if (call.count("gate_up") == 0) return separate_stacks_of(call);
  const Weight& gate_up = *call.weight("gate_up");
  const Weight& down = *call.weight("down");
  const bool transposed = call.attributes().flag("transposed");
  const bool interleaved = call.attributes().flag("interleaved");
  const std::int64_t hidden = gate_up.shape()[transposed ? 1 : 2];
  const std::int64_t inner = gate_up.shape()[transposed ? 2 : 1] / 2;
  // Strides of one expert's output rows and of its inputs.
  const std::int64_t row = transposed ? 1 : hidden;
  const std::int64_t column = transposed ? 2 * inner : 1;
  for (std::int64_t e = 0; e < down.shape()[0]; ++e) {
    const std::int64_t first = e * 2 * inner * hidden;
    const std::int64_t second = first + (interleaved ? 1 : inner) * row;
    const std::int64_t step = interleaved ? 2 * row : row;
    const std::int64_t last = e * hidden * inner;
    out.push_back({Matrix{&gate_up, first, inner, hidden, step, column},
                   {&gate_up, second, inner, hidden, step, column},
                   {&down, last, hidden, inner, transposed ? 1 : inner, transposed ? hidden : 1}});
  }
  return out;
}

// Behind the experts that have weights stand those that hand their input on.
std::size_t handing_on(const BoundStep& step) {
  return static_cast<std::size_t>(Attributes(step.attributes).integer("identity", 0));
}

// (token, choice) pairs of one expert.
template <typename T>
std::vector<std::vector<std::size_t>> pairs_by_expert(const Array<T>& indices, std::size_t experts) {
  std::vector<std::vector<std::size_t>> out(experts);
  for (std::size_t i = 0; i < indices.size(); ++i) out.at(static_cast<std::size_t>(indices[i])).push_back(i);
  return out;
}

template <typename T>
std::vector<T> rows_of(const Array<T>& x, const std::vector<std::size_t>& pairs, std::size_t k) {
  const auto width = static_cast<std::size_t>(x.columns());
  std::vector<T> out(pairs.size() * width);
  for (std::size_t i = 0; i < pairs.size(); ++i)
    std::copy_n(x.data.begin() + static_cast<std::ptrdiff_t>(pairs[i] / k * width), width,
                out.begin() + static_cast<std::ptrdiff_t>(i * width));
  return out;
}

template <typename T>
void cpu_experts(const Call<T>& call, std::vector<Array<T>>& out) {
  const Array<T>& x = call.value("x");
  const Array<T>& indices = call.value("indices");
  const Array<T>& weights = call.value("weights");
  const auto k = static_cast<std::size_t>(indices.columns());
  const auto width = static_cast<std::size_t>(x.columns());
  const GatedUnit unit(call.attributes());
  const auto experts = experts_of(call);
  const auto pairs = pairs_by_expert(indices, experts.size() + handing_on(call.step));
  std::vector<T> results(indices.size() * width);
  for (std::size_t e = experts.size(); e < pairs.size(); ++e) {
    for (const std::size_t pair : pairs[e])
      std::copy_n(x.data.begin() + static_cast<std::ptrdiff_t>(pair / k * width), width,
                  results.begin() + static_cast<std::ptrdiff_t>(pair * width));
  }
  for (std::size_t e = 0; e < experts.size(); ++e) {
    if (pairs[e].empty()) continue;
    const auto m = static_cast<std::int64_t>(pairs[e].size());
    const auto rows = rows_of(x, pairs[e], k);
    std::vector<T> up(pairs[e].size() * static_cast<std::size_t>(experts[e].up.n));
    std::vector<T> hidden(up.size());
    std::vector<T> result(pairs[e].size() * width);
    multiply(call, rows.data(), m, experts[e].up, up.data());
    if (experts[e].gate) multiply(call, rows.data(), m, *experts[e].gate, hidden.data());
    for (std::size_t i = 0; i < hidden.size(); ++i) {
      hidden[i] = experts[e].gate ? call.kept(unit.gate(call.kept(hidden[i])) * unit.up(call.kept(up[i])))
                                  : call.kept(unit.gate(call.kept(up[i])));
    }
    multiply(call, hidden.data(), m, experts[e].down, result.data());
    for (std::size_t i = 0; i < pairs[e].size(); ++i)
      std::copy_n(result.begin() + static_cast<std::ptrdiff_t>(i * width), width,
                  results.begin() + static_cast<std::ptrdiff_t>(pairs[e][i] * width));
  }
  for (std::size_t t = 0; t < static_cast<std::size_t>(x.rows()); ++t) {
    for (std::size_t c = 0; c < width; ++c) {
      T sum = 0;
      for (std::size_t j = 0; j < k; ++j)
        sum += weights[t * k + j] * call.kept(results[(t * k + j) * width + c]);
      out[0][t * width + c] = sum;
    }
  }
}

void bound_experts(const BoundCall& call, std::vector<Array<double>>& out) {
  const Accuracy& accuracy = call.accuracy;
  const Array<double>& x = call.exact.value("x");
  const Array<double>& indices = call.exact.value("indices");
  const Array<double>& weights = call.exact.value("weights");
  const Array<double>& weights_bound = call.bound("weights");
  const auto k = static_cast<std::size_t>(indices.columns());
  const auto width = static_cast<std::size_t>(x.columns());
  const GatedUnit unit(call.exact.attributes());
  const auto experts = experts_of(call.exact);
  const auto pairs = pairs_by_expert(indices, experts.size() + handing_on(call.exact.step));
  const double gamma = accuracy.gamma(static_cast<double>(k));
  // One product of a sum: of a weight and an expert's result, each known to within an error.
  const auto add = [&](std::size_t pair, std::size_t column, double result, double error) {
    const double w = std::abs(weights[pair]);
    const double moved = w * error + weights_bound[pair] * (std::abs(result) + error);
    out[0][pair / k * width + column] += moved + gamma * (w * std::abs(result) + moved);
  };
  std::fill(out[0].data.begin(), out[0].data.end(), 0.0);
  for (std::size_t e = 0; e < experts.size(); ++e) {
    if (pairs[e].empty()) continue;
    const auto m = static_cast<std::int64_t>(pairs[e].size());
    const auto rows = rows_of(x, pairs[e], k);
    const auto rows_bound = rows_of(call.bound("x"), pairs[e], k);
    const std::size_t inner = pairs[e].size() * static_cast<std::size_t>(experts[e].up.n);
    std::vector<double> gate(inner), gate_bound(inner), up(inner), up_bound(inner), hidden(inner),
        hidden_bound(inner);
    multiply(call.exact, rows.data(), m, experts[e].up, up.data());
    bound_product(call, rows.data(), rows_bound.data(), m, experts[e].up, {}, up_bound.data());
    if (experts[e].gate) {
      multiply(call.exact, rows.data(), m, *experts[e].gate, gate.data());
      bound_product(call, rows.data(), rows_bound.data(), m, *experts[e].gate, {}, gate_bound.data());
    }
    for (std::size_t i = 0; i < inner; ++i) {
      const double u = accuracy.rounded(up[i], up_bound[i]);
      if (!experts[e].gate) {
        hidden[i] = unit.gate(up[i]);
        hidden_bound[i] = accuracy.rounded(hidden[i], unit.gate_bound(accuracy, up[i], u));
        continue;
      }
      const double g = accuracy.rounded(gate[i], gate_bound[i]);
      hidden[i] = unit.gate(gate[i]) * unit.up(up[i]);
      hidden_bound[i] = accuracy.rounded(hidden[i], unit.product_bound(accuracy, gate[i], g, up[i], u));
    }
    std::vector<double> result(pairs[e].size() * width), result_bound(pairs[e].size() * width);
    multiply(call.exact, hidden.data(), m, experts[e].down, result.data());
    bound_product(call, hidden.data(), hidden_bound.data(), m, experts[e].down, {}, result_bound.data());
    for (std::size_t i = 0; i < result.size(); ++i)
      add(pairs[e][i / width], i % width, result[i], accuracy.rounded(result[i], result_bound[i]));
  }
  for (std::size_t e = experts.size(); e < pairs.size(); ++e) {
    for (const std::size_t pair : pairs[e]) {
      for (std::size_t c = 0; c < width; ++c)
        add(pair, c, x[pair / k * width + c], call.bound("x")[pair / k * width + c]);
    }
  }
}

void routed(const ShapeCall& c) {
  c.rank("x", 2);
  require(
      c.of("indices").size() == 2 && c.of("indices") == c.of("weights") && c.of("indices")[0] == c.of("x")[0],
      "indices and weights do not fit x");
}

// The experts that hand their input on may have a place among the gates and ups, which nothing reads.
bool as_many(const ShapeCall& c, std::size_t rows, std::size_t experts) {
  return rows == experts || rows == experts + handing_on(c.step);
}

std::vector<Shape> experts_shapes(const ShapeCall& c) {
  routed(c);
  const auto count = c.count("down");
  require(
      count > 0 && (!c.has("gate") || as_many(c, c.count("gate"), count)) && as_many(c, c.count("up"), count),
      "gate, up and down are as many");
  for (std::size_t e = 0; e < count; ++e) {
    const Shape& up = c.of("up", e);
    require(up.size() == 2 && up[1] == c.of("x")[1] && (!c.has("gate") || c.of("gate", e) == up) &&
                c.of("down", e) == Shape{up[1], up[0]},
            fmt::format("gate, up and down of expert {} do not fit", e));
  }
  return {c.of("x")};
}
std::vector<Shape> separate_stacks_shapes(const ShapeCall& c) {
  require(c.has("up"), "either gate_up, or up and perhaps gate");
  c.rank("up", 3);
  const bool transposed = c.attributes.flag("transposed");
  const Shape& up = c.of("up");
  const Shape& down = c.of("down");
  require(up[transposed ? 1 : 2] == c.of("x")[1] && down == Shape{up[0], up[2], up[1]} &&
              (!c.has("gate") || c.of("gate") == up),
          fmt::format("up {} and down {} do not fit x", to_string(up), to_string(down)));
  return {c.of("x")};
}
std::vector<Shape> grouped_experts_shapes(const ShapeCall& c) {
  routed(c);
  c.rank("down", 3);
  if (!c.has("gate_up")) return separate_stacks_shapes(c);
  require(!c.has("gate") && !c.has("up"), "either gate_up, or up and perhaps gate");
  c.rank("gate_up", 3);
  const bool transposed = c.attributes.flag("transposed");
  const Shape& both = c.of("gate_up");
  const Shape& down = c.of("down");
  const std::int64_t inner = down[transposed ? 1 : 2];
  require(as_many(c, static_cast<std::size_t>(both[0]), static_cast<std::size_t>(down[0])) &&
              both[transposed ? 1 : 2] == c.of("x")[1] && both[transposed ? 2 : 1] == 2 * inner &&
              down[transposed ? 2 : 1] == c.of("x")[1],
          fmt::format("gate_up {} and down {} do not fit x", to_string(both), to_string(down)));
  return {c.of("x")};
}
bool run_experts(GpuCall& c, const std::vector<tenon_tensor>& gate, const std::vector<tenon_tensor>& up,
                 const std::vector<tenon_tensor>& down) {
  c.queue(c.api().experts,
          tenon_experts_args{c.in("x"), c.in("indices"), c.in("weights"), c.out(), gate.data(), up.data(),
                             down.data(), static_cast<std::int32_t>(gate.size()), *c.act()});
  return true;
}

bool gpu_experts(GpuCall& c) {
  if (!c.has("gate") || !c.plain_unit() || handing_on(c.step) > 0) return false;
  std::vector<tenon_tensor> gate, up, down;
  for (std::size_t e = 0; e < c.step.operands.at("up").size(); ++e) {
    gate.push_back(c.in("gate", e));
    up.push_back(c.in("up", e));
    down.push_back(c.in("down", e));
  }
  return run_experts(c, gate, up, down);
}

// Matrix e of a stack.
tenon_tensor slice(const tenon_tensor& stack, std::int64_t e) {
  tenon_tensor out = reshaped(stack, {stack.shape[1], stack.shape[2]});
  out.data = static_cast<std::byte*>(stack.data) +
             static_cast<std::size_t>(e * stack.shape[1] * stack.shape[2]) * element_size(stack);
  return out;
}

// Stacks of their own for gate and up: expert by expert.
bool run_separate_stacks(GpuCall& c) {
  if (c.attributes.flag("transposed") || !c.has("gate")) return false;
  std::vector<tenon_tensor> gate, up, down;
  for (std::int64_t e = 0; e < c.in("up").shape[0]; ++e) {
    gate.push_back(slice(c.in("gate"), e));
    up.push_back(slice(c.in("up"), e));
    down.push_back(slice(c.in("down"), e));
  }
  return run_experts(c, gate, up, down);
}

bool gpu_grouped_experts(GpuCall& c) {
  if (!c.plain_unit() || handing_on(c.step) > 0) return false;
  if (!c.has("gate_up")) return run_separate_stacks(c);
  c.queue(c.api().grouped_experts,
          tenon_grouped_experts_args{c.in("x"), c.in("indices"), c.in("weights"), c.in("gate_up"),
                                     c.in("down"), c.out(), *c.act(), c.attributes.flag("interleaved"),
                                     c.attributes.flag("transposed")});
  return true;
}

}  // namespace

std::vector<ModuleOperation> expert_operations() {
  return {
      {.name = "experts",
       .parameters = joined({routed_parameters(),
                             {{"gate", Kind::kWeights, false, true},
                              {"up", Kind::kWeights, true, true},
                              {"down", Kind::kWeights, true, true}},
                             unit_parameters()}),
       .shapes = experts_shapes,
       .cpu = {cpu_experts<double>, cpu_experts<float>, bound_experts},
       .gpu = gpu_experts,
       .role = Role::kExperts},
      {.name = "grouped_experts",
       .parameters = joined({routed_parameters(),
                             {{"gate_up", Kind::kWeight, false, true},
                              {"gate", Kind::kWeight, false, true},
                              {"up", Kind::kWeight, false, true},
                              {"down", Kind::kWeight, true, true},
                              {"interleaved", Kind::kFlag, false},
                              {"transposed", Kind::kFlag, false}},
                             unit_parameters()}),
       .shapes = grouped_experts_shapes,
       .cpu = {cpu_experts<double>, cpu_experts<float>, bound_experts},
       .gpu = gpu_grouped_experts,
       .role = Role::kExperts,
       .keeps_inside = true},
  };
}

}  // namespace tenon
