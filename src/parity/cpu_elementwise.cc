// Activations, products and sums, element by element.
#include <algorithm>
#include <stdexcept>

#include "parity/cpu_operations.h"

namespace tenon {
namespace {

constexpr double kSqrtHalf = 0.70710678118654752440;
constexpr double kSqrtTwoOverPi = 0.79788456080286535588;

// The largest slope of each activation that has one: |act(a) - act(b)| <= slope |a - b|. docs/parity.md,
// "Activations".
double largest_slope(Activation act) {
  switch (act) {
    case Activation::kSilu:
      return 1.0999;
    case Activation::kGelu:
      return 1.1290;
    case Activation::kGeluTanh:
      return 1.1300;
    case Activation::kRelu:
    case Activation::kRelu2:
      return 1;
  }
  return 1;
}

Activation activation_of_step(const BoundStep& step) {
  return activation_of(step.attributes.contains("act") ? Attributes(step.attributes).text("act")
                                                       : step.operation);
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

double act_mul_bound(const Accuracy& accuracy, Activation act, double x, double x_bound, double y,
                     double y_bound) {
  const double exact = std::abs(activate(act, x));
  const double error = activation_bound(accuracy, act, x, x_bound);
  return exact * y_bound + error * (std::abs(y) + y_bound) +
         accuracy.u * (exact + error) * (std::abs(y) + y_bound);
}

}  // namespace

Activation activation_of(const std::string& name) {
  if (name == "silu") return Activation::kSilu;
  if (name == "gelu") return Activation::kGelu;
  if (name == "gelu_tanh") return Activation::kGeluTanh;
  if (name == "relu") return Activation::kRelu;
  if (name == "relu2") return Activation::kRelu2;
  throw std::logic_error("no activation " + name);
}

template <typename T>
T activate(Activation act, T x) {
  switch (act) {
    case Activation::kSilu:
      return x / (1 + std::exp(-x));
    case Activation::kGelu:
      return x * static_cast<T>(0.5) * (1 + std::erf(x * static_cast<T>(kSqrtHalf)));
    case Activation::kGeluTanh:
      return x * static_cast<T>(0.5) *
             (1 + std::tanh(static_cast<T>(kSqrtTwoOverPi) * (x + static_cast<T>(0.044715) * x * x * x)));
    case Activation::kRelu:
      return x > 0 || std::isnan(x) ? x : T{0};
    case Activation::kRelu2:
      return x > 0 || std::isnan(x) ? x * x : T{0};
  }
  return x;
}
template float activate(Activation, float);
template double activate(Activation, double);

double activation_bound(const Accuracy& accuracy, Activation act, double x, double error) {
  if (act == Activation::kRelu) return error;
  if (act == Activation::kRelu2) {
    const double size = std::max(x, 0.0);
    const double moved = (2 * size + error) * error;
    return moved + accuracy.u * (size * size + moved) + 0x1p-149;
  }
  return largest_slope(act) * error + accuracy.activations * (std::abs(x) + error);
}

template <typename T>
void cpu_activation(const Call<T>& call, std::vector<Array<T>>& out) {
  const Activation act = activation_of_step(call.step);
  const Array<T>& x = call.value("x");
  for (std::size_t i = 0; i < x.size(); ++i) out[0][i] = activate(act, x[i]);
}
template void cpu_activation(const Call<float>&, std::vector<Array<float>>&);
template void cpu_activation(const Call<double>&, std::vector<Array<double>>&);

void bound_activation(const BoundCall& call, std::vector<Array<double>>& out) {
  const Activation act = activation_of_step(call.exact.step);
  const Array<double>& x = call.exact.value("x");
  for (std::size_t i = 0; i < x.size(); ++i)
    out[0][i] = activation_bound(call.accuracy, act, x[i], call.bound("x")[i]);
}

template <typename T>
void cpu_act_mul(const Call<T>& call, std::vector<Array<T>>& out) {
  const Activation act = activation_of_step(call.step);
  const Array<T>& x = call.value("x");
  const Array<T>& y = call.value("y");
  for (std::size_t i = 0; i < x.size(); ++i) out[0][i] = activate(act, x[i]) * y[i];
}
template void cpu_act_mul(const Call<float>&, std::vector<Array<float>>&);
template void cpu_act_mul(const Call<double>&, std::vector<Array<double>>&);

void bound_act_mul(const BoundCall& call, std::vector<Array<double>>& out) {
  const Activation act = activation_of_step(call.exact.step);
  const Array<double>& x = call.exact.value("x");
  const Array<double>& y = call.exact.value("y");
  for (std::size_t i = 0; i < x.size(); ++i)
    out[0][i] = act_mul_bound(call.accuracy, act, x[i], call.bound("x")[i], y[i], call.bound("y")[i]);
}

template <typename T>
void cpu_act_mul_halves(const Call<T>& call, std::vector<Array<T>>& out) {
  const Activation act = activation_of_step(call.step);
  const Array<T>& x = call.value("x");
  const Halves halves(call.step, x.columns());
  for (std::size_t i = 0; i < out[0].size(); ++i)
    out[0][i] = activate(act, x[halves.gate(i)]) * x[halves.up(i)];
}
template void cpu_act_mul_halves(const Call<float>&, std::vector<Array<float>>&);
template void cpu_act_mul_halves(const Call<double>&, std::vector<Array<double>>&);

void bound_act_mul_halves(const BoundCall& call, std::vector<Array<double>>& out) {
  const Activation act = activation_of_step(call.exact.step);
  const Array<double>& x = call.exact.value("x");
  const Array<double>& bound = call.bound("x");
  const Halves halves(call.exact.step, x.columns());
  for (std::size_t i = 0; i < out[0].size(); ++i) {
    const std::size_t gate = halves.gate(i);
    const std::size_t up = halves.up(i);
    out[0][i] = act_mul_bound(call.accuracy, act, x[gate], bound[gate], x[up], bound[up]);
  }
}

template <typename T>
void cpu_add(const Call<T>& call, std::vector<Array<T>>& out) {
  for (std::size_t i = 0; i < out[0].size(); ++i) out[0][i] = call.value("x")[i] + call.value("y")[i];
}
template void cpu_add(const Call<float>&, std::vector<Array<float>>&);
template void cpu_add(const Call<double>&, std::vector<Array<double>>&);

void bound_add(const BoundCall& call, std::vector<Array<double>>& out) {
  for (std::size_t i = 0; i < out[0].size(); ++i) {
    const double error = call.bound("x")[i] + call.bound("y")[i];
    out[0][i] = error + call.accuracy.u * (std::abs(call.results[0][i]) + error);
  }
}

template <typename T>
void cpu_mul(const Call<T>& call, std::vector<Array<T>>& out) {
  for (std::size_t i = 0; i < out[0].size(); ++i) out[0][i] = call.value("x")[i] * call.value("y")[i];
}
template void cpu_mul(const Call<float>&, std::vector<Array<float>>&);
template void cpu_mul(const Call<double>&, std::vector<Array<double>>&);

void bound_mul(const BoundCall& call, std::vector<Array<double>>& out) {
  for (std::size_t i = 0; i < out[0].size(); ++i) {
    const double x = std::abs(call.exact.value("x")[i]);
    const double y = std::abs(call.exact.value("y")[i]);
    const double error =
        x * call.bound("y")[i] + y * call.bound("x")[i] + call.bound("x")[i] * call.bound("y")[i];
    out[0][i] = error + call.accuracy.u * (x * y + error);
  }
}

}  // namespace tenon
