// Activations, products and sums, element by element.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "modules/activation.h"
#include "modules/cuda/gpu_call.h"
#include "modules/operations/parameters.h"

namespace tenon {
namespace {

using Kind = Parameter::Kind;

Activation activation_of_step(const BoundStep& step) {
  return activation_of(step.attributes.contains("act") ? Attributes(step.attributes).text("act")
                                                       : std::string(step.operation->name));
}

// Where the gate and the up half of a row of 2 * inner columns stand.
struct Halves {
  Halves(const BoundStep& step, std::int64_t columns)
      : inner(static_cast<std::size_t>(columns / 2)),
        interleaved(Attributes(step.attributes).flag("interleaved")) {}
  std::size_t gate(std::size_t i) const {
    return i / inner * 2 * inner + (interleaved ? 2 * (i % inner) : i % inner);
  }
  std::size_t up(std::size_t i) const { return gate(i) + (interleaved ? 1 : inner); }

  std::size_t inner;
  bool interleaved;
};

template <typename T>
void cpu_activation(const Call<T>& call, std::vector<Array<T>>& out) {
  const Activation act = activation_of_step(call.step);
  const Array<T>& x = call.value("x");
  for (std::size_t i = 0; i < x.size(); ++i) out[0][i] = activate(act, x[i]);
}

void bound_activation(const BoundCall& call, std::vector<Array<double>>& out) {
  const Activation act = activation_of_step(call.exact.step);
  const Array<double>& x = call.exact.value("x");
  for (std::size_t i = 0; i < x.size(); ++i)
    out[0][i] = activation_bound(call.accuracy, act, x[i], call.bound("x")[i]);
}

template <typename T>
void cpu_act_mul(const Call<T>& call, std::vector<Array<T>>& out) {
  const GatedUnit unit(call.attributes());
  const Array<T>& x = call.value("x");
  const Array<T>& y = call.value("y");
  for (std::size_t i = 0; i < x.size(); ++i) out[0][i] = unit.gate(x[i]) * unit.up(y[i]);
}

void bound_act_mul(const BoundCall& call, std::vector<Array<double>>& out) {
  const GatedUnit unit(call.exact.attributes());
  const Array<double>& x = call.exact.value("x");
  const Array<double>& y = call.exact.value("y");
  for (std::size_t i = 0; i < x.size(); ++i)
    out[0][i] = unit.product_bound(call.accuracy, x[i], call.bound("x")[i], y[i], call.bound("y")[i]);
}

template <typename T>
void cpu_act_mul_halves(const Call<T>& call, std::vector<Array<T>>& out) {
  const GatedUnit unit(call.attributes());
  const Array<T>& x = call.value("x");
  const Halves halves(call.step, x.columns());
  for (std::size_t i = 0; i < out[0].size(); ++i)
    out[0][i] = unit.gate(x[halves.gate(i)]) * unit.up(x[halves.up(i)]);
}

void bound_act_mul_halves(const BoundCall& call, std::vector<Array<double>>& out) {
  const GatedUnit unit(call.exact.attributes());
  const Array<double>& x = call.exact.value("x");
  const Array<double>& bound = call.bound("x");
  const Halves halves(call.exact.step, x.columns());
  for (std::size_t i = 0; i < out[0].size(); ++i) {
    const std::size_t gate = halves.gate(i);
    const std::size_t up = halves.up(i);
    out[0][i] = unit.product_bound(call.accuracy, x[gate], bound[gate], x[up], bound[up]);
  }
}

template <typename T>
void cpu_add(const Call<T>& call, std::vector<Array<T>>& out) {
  const Array<T>& x = call.value("x");
  const Array<T>& y = call.value("y");
  for (std::size_t i = 0; i < out[0].size(); ++i) out[0][i] = x[i] + y[i];
}

void bound_add(const BoundCall& call, std::vector<Array<double>>& out) {
  for (std::size_t i = 0; i < out[0].size(); ++i) {
    const double error = call.bound("x")[i] + call.bound("y")[i];
    out[0][i] = error + call.accuracy.u * (std::abs(call.results[0][i]) + error);
  }
}

// y is of the shape of x, or has one number for each row of x.
template <typename T>
void cpu_mul(const Call<T>& call, std::vector<Array<T>>& out) {
  const Array<T>& x = call.value("x");
  const Array<T>& y = call.value("y");
  const std::size_t run = x.size() / std::max<std::size_t>(1, y.size());
  for (std::size_t i = 0; i < out[0].size(); ++i) out[0][i] = x[i] * y[i / run];
}

double product_error(const Accuracy& accuracy, double x, double x_error, double y, double y_error) {
  const double error = x * y_error + y * x_error + x_error * y_error;
  return error + accuracy.u * (x * y + error) + 0x1p-149;
}

void bound_mul(const BoundCall& call, std::vector<Array<double>>& out) {
  const Array<double>& x = call.exact.value("x");
  const Array<double>& y = call.exact.value("y");
  const std::size_t run = x.size() / std::max<std::size_t>(1, y.size());
  for (std::size_t i = 0; i < out[0].size(); ++i)
    out[0][i] = product_error(call.accuracy, std::abs(x[i]), call.bound("x")[i], std::abs(y[i / run]),
                              call.bound("y")[i / run]);
}

// By a vector along the last axis, or by a single weight.
template <typename T>
void cpu_mul_weight(const Call<T>& call, std::vector<Array<T>>& out) {
  const Array<T>& x = call.value("x");
  const auto w = numbers_of(call.weight("weight"));
  for (std::size_t i = 0; i < x.size(); ++i) out[0][i] = x[i] * static_cast<T>(w[i % w.size()]);
}

void bound_mul_weight(const BoundCall& call, std::vector<Array<double>>& out) {
  const Array<double>& x = call.exact.value("x");
  const auto w = numbers_of(call.exact.weight("weight"));
  for (std::size_t i = 0; i < x.size(); ++i)
    out[0][i] = product_error(call.accuracy, std::abs(x[i]), call.bound("x")[i],
                              std::abs(static_cast<double>(w[i % w.size()])), 0);
}

template <typename T>
void cpu_scale(const Call<T>& call, std::vector<Array<T>>& out) {
  const Array<T>& x = call.value("x");
  const T by = static_cast<T>(call.attributes().real("by"));
  for (std::size_t i = 0; i < x.size(); ++i) out[0][i] = x[i] * by;
}

void bound_scale(const BoundCall& call, std::vector<Array<double>>& out) {
  const Array<double>& x = call.exact.value("x");
  const double by = std::abs(call.exact.attributes().real("by"));
  // The factor is itself rounded to FP32.
  for (std::size_t i = 0; i < x.size(); ++i)
    out[0][i] = product_error(call.accuracy, std::abs(x[i]), call.bound("x")[i], by, by * 0x1p-24);
}

// cap tanh(x / cap), whose slope is at most 1.
template <typename T>
void cpu_softcap(const Call<T>& call, std::vector<Array<T>>& out) {
  const Array<T>& x = call.value("x");
  const T cap = static_cast<T>(call.attributes().real("cap"));
  for (std::size_t i = 0; i < x.size(); ++i) out[0][i] = cap * std::tanh(x[i] / cap);
}

void bound_softcap(const BoundCall& call, std::vector<Array<double>>& out) {
  for (std::size_t i = 0; i < out[0].size(); ++i) {
    const double error = call.bound("x")[i];
    out[0][i] = error + (call.accuracy.functions + 4 * call.accuracy.u) *
                            (std::abs(call.exact.value("x")[i]) + error);
  }
}

// Brings no two numbers further apart.
template <typename T>
void cpu_clamp(const Call<T>& call, std::vector<Array<T>>& out) {
  const Array<T>& x = call.value("x");
  const T limit = static_cast<T>(call.attributes().real("limit"));
  for (std::size_t i = 0; i < x.size(); ++i) out[0][i] = x[i] > limit ? limit : x[i] < -limit ? -limit : x[i];
}

void bound_clamp(const BoundCall& call, std::vector<Array<double>>& out) {
  const double rounding = std::abs(call.exact.attributes().real("limit")) * 0x1p-24;
  for (std::size_t i = 0; i < out[0].size(); ++i) out[0][i] = call.bound("x")[i] + rounding;
}

std::vector<Shape> same_shapes(const ShapeCall& c) {
  return {c.of("x")};
}

std::vector<Shape> pair_shapes(const ShapeCall& c) {
  require(c.of("x") == c.of("y"),
          fmt::format("x {} and y {} differ", to_string(c.of("x")), to_string(c.of("y"))));
  return {c.of("x")};
}

std::vector<Shape> mul_shapes(const ShapeCall& c) {
  Shape rows = c.of("x");
  if (!rows.empty()) rows.back() = 1;
  if (c.of("y") != rows) return pair_shapes(c);
  return {c.of("x")};
}

std::vector<Shape> mul_weight_shapes(const ShapeCall& c) {
  if (c.of("weight") != Shape{1} && !c.of("weight").empty()) c.vector_of("weight", c.of("x").back());
  return {c.of("x")};
}

std::vector<Shape> softcap_shapes(const ShapeCall& c) {
  require(c.attributes.real("cap") > 0, "the cap is not above 0");
  return {c.of("x")};
}

std::vector<Shape> halves_shapes(const ShapeCall& c) {
  Shape out = c.of("x");
  require(out.back() % 2 == 0, "x cannot be cut into two halves");
  out.back() /= 2;
  return {out};
}
bool gpu_activation(GpuCall& c) {
  const auto act = c.act();
  if (!act) return false;
  c.queue(c.api().activation, tenon_activation_args{c.in("x"), c.out(), *act});
  return true;
}

bool gpu_act_mul(GpuCall& c) {
  if (!c.plain_unit()) return false;
  c.queue(c.api().act_mul, tenon_act_mul_args{c.in("x"), c.in("y"), c.out(), *c.act()});
  return true;
}

bool gpu_act_mul_halves(GpuCall& c) {
  if (!c.plain_unit()) return false;
  c.queue(c.api().act_mul_halves, tenon_act_mul_halves_args{matrix(c.in("x")), matrix(c.out()), *c.act(),
                                                            c.attributes.flag("interleaved")});
  return true;
}

bool gpu_add(GpuCall& c) {
  c.queue(c.api().add, tenon_add_args{c.in("x"), c.in("y"), c.out()});
  return true;
}

bool gpu_mul(GpuCall& c) {
  if (c.shape_of("x") != c.shape_of("y")) return false;
  c.queue(c.api().mul, tenon_mul_args{c.in("x"), c.in("y"), c.out()});
  return true;
}

// An activation by its name, or, of `act`, by its attribute.
ModuleOperation activation_row(std::string_view name, const Parameters& more = {}) {
  return {.name = name,
          .parameters = joined({more, {{"x", Kind::kValue}}}),
          .shapes = same_shapes,
          .cpu = {cpu_activation<double>, cpu_activation<float>, bound_activation},
          .gpu = gpu_activation};
}

}  // namespace

std::vector<ModuleOperation> element_operations() {
  return {
      activation_row("silu"),
      activation_row("gelu"),
      activation_row("gelu_tanh"),
      activation_row("relu"),
      activation_row("relu2"),
      activation_row("sigmoid"),
      activation_row("tanh"),
      activation_row("softplus"),
      activation_row("exp"),
      activation_row("act", {{"act", Kind::kText}}),
      {.name = "act_mul",
       .parameters = joined({{{"x", Kind::kValue}, {"y", Kind::kValue}}, unit_parameters()}),
       .shapes = pair_shapes,
       .cpu = {cpu_act_mul<double>, cpu_act_mul<float>, bound_act_mul},
       .gpu = gpu_act_mul},
      {.name = "act_mul_halves",
       .parameters = joined({{{"x", Kind::kValue}, {"interleaved", Kind::kFlag, false}}, unit_parameters()}),
       .shapes = halves_shapes,
       .cpu = {cpu_act_mul_halves<double>, cpu_act_mul_halves<float>, bound_act_mul_halves},
       .gpu = gpu_act_mul_halves},
      {.name = "add",
       .parameters = {{"x", Kind::kValue}, {"y", Kind::kValue}},
       .shapes = pair_shapes,
       .cpu = {cpu_add<double>, cpu_add<float>, bound_add},
       .gpu = gpu_add},
      {.name = "mul",
       .parameters = {{"x", Kind::kValue}, {"y", Kind::kValue}},
       .shapes = mul_shapes,
       .cpu = {cpu_mul<double>, cpu_mul<float>, bound_mul},
       .gpu = gpu_mul},
      {.name = "mul_weight",
       .parameters = {{"x", Kind::kValue}, {"weight", Kind::kWeight}},
       .shapes = mul_weight_shapes,
       .cpu = {cpu_mul_weight<double>, cpu_mul_weight<float>, bound_mul_weight}},
      {.name = "scale",
       .parameters = {{"x", Kind::kValue}, {"by", Kind::kReal}},
       .shapes = same_shapes,
       .cpu = {cpu_scale<double>, cpu_scale<float>, bound_scale}},
      {.name = "clamp",
       .parameters = {{"x", Kind::kValue}, {"limit", Kind::kReal}},
       .shapes = same_shapes,
       .cpu = {cpu_clamp<double>, cpu_clamp<float>, bound_clamp}},
      {.name = "softcap",
       .parameters = {{"x", Kind::kValue}, {"cap", Kind::kReal}},
       .shapes = softcap_shapes,
       .cpu = {cpu_softcap<double>, cpu_softcap<float>, bound_softcap}},
  };
}

}  // namespace tenon
