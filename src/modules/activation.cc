#include "modules/activation.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

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
    case Activation::kSigmoid:
      return 0.25;
    case Activation::kRelu:
    case Activation::kRelu2:
    case Activation::kTanh:
    case Activation::kSoftplus:
    case Activation::kExp:  // has none: see activation_bound
      return 1;
  }
  return 1;
}

template <typename T>
T clamped(T x, double low, double high) {
  // A NaN stays one.
  if (x > static_cast<T>(high)) return static_cast<T>(high);
  return x < static_cast<T>(low) ? static_cast<T>(low) : x;
}

}  // namespace

Activation activation_of(const std::string& name) {
  if (name == "silu") return Activation::kSilu;
  if (name == "gelu") return Activation::kGelu;
  if (name == "gelu_tanh") return Activation::kGeluTanh;
  if (name == "relu") return Activation::kRelu;
  if (name == "relu2") return Activation::kRelu2;
  if (name == "sigmoid") return Activation::kSigmoid;
  if (name == "tanh") return Activation::kTanh;
  if (name == "softplus") return Activation::kSoftplus;
  if (name == "exp") return Activation::kExp;
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
    case Activation::kSigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::kTanh:
      return std::tanh(x);
    case Activation::kSoftplus:
      return std::max(x, T{0}) + std::log1p(std::exp(-std::abs(x)));
    case Activation::kExp:
      return std::exp(x);
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
  if (act == Activation::kSigmoid || act == Activation::kTanh) {
    // exp's error is relative to it, and grows with its argument; what is left is rounded twice.
    const double moved = largest_slope(act) * error;
    const double size = std::min(1.0, std::abs(activate(act, x)) + moved);
    return moved + size * (accuracy.functions + accuracy.u * (2 * (std::abs(x) + error) + 4)) + 0x1p-126;
  }
  if (act == Activation::kExp) {
    // exp(x + e) - exp(x) = exp(x) (exp(e) - 1); its own error is relative to it, and grows with its
    // argument.
    const double own = accuracy.functions + accuracy.u * (2 * (std::abs(x) + error) + 2);
    return std::exp(x) * (std::expm1(error) + std::exp(error) * own) + 0x1p-126;
  }
  if (act == Activation::kSoftplus) {
    // log(1 + e^-|x|), at most log 2, by two functions; a sum.
    const double moved = largest_slope(act) * error;
    const double size = activate(act, x) + moved;
    return moved + 2 * accuracy.functions + accuracy.u * (size + std::abs(x) + error);
  }
  return largest_slope(act) * error + accuracy.activations * (std::abs(x) + error);
}

GatedUnit::GatedUnit(const Attributes& attributes)
    : act(activation_of(attributes.text("act", "silu"))),
      limit(attributes.real("limit", std::numeric_limits<double>::infinity())),
      limit_after(attributes.real("limit_after", std::numeric_limits<double>::infinity())),
      alpha(attributes.real("alpha", 0)),
      up_offset(attributes.real("up_offset", 0)) {
  // As configs say that there is none.
  if (limit <= 0) limit = std::numeric_limits<double>::infinity();
  if (limit_after <= 0) limit_after = std::numeric_limits<double>::infinity();
}

bool GatedUnit::plain() const {
  return !std::isfinite(limit) && !std::isfinite(limit_after) && alpha == 0 && up_offset == 0;
}

template <typename T>
T GatedUnit::gate(T x) const {
  const double none = std::numeric_limits<double>::infinity();
  const T in = clamped(x, -none, limit);
  if (alpha != 0) return clamped(in / (1 + std::exp(-static_cast<T>(alpha) * in)), -none, limit_after);
  return clamped(activate(act, in), -none, limit_after);
}
template float GatedUnit::gate(float) const;
template double GatedUnit::gate(double) const;

template <typename T>
T GatedUnit::up(T y) const {
  const double within = std::min(limit, limit_after);
  return clamped(y, -within, within) + static_cast<T>(up_offset);
}
template float GatedUnit::up(float) const;
template double GatedUnit::up(double) const;

// Clamping brings no two numbers further apart; x sigmoid(alpha x) is silu(alpha x) / alpha, of silu's slope.
double GatedUnit::gate_bound(const Accuracy& accuracy, double x, double error) const {
  const double in = std::min(x, limit);
  if (alpha == 0) return activation_bound(accuracy, act, in, error);
  return largest_slope(Activation::kSilu) * error + 2 * accuracy.activations * (std::abs(in) + error);
}

double GatedUnit::up_bound(const Accuracy& accuracy, double y, double error) const {
  return error + (up_offset == 0 ? 0 : accuracy.u * (std::abs(up(y)) + error));
}

double GatedUnit::product_bound(const Accuracy& accuracy, double x, double x_error, double y,
                                double y_error) const {
  const double exact = std::abs(gate(x));
  const double error = gate_bound(accuracy, x, x_error);
  const double up_error = up_bound(accuracy, y, y_error);
  const double size = std::abs(up(y)) + up_error;
  return exact * up_error + error * size + accuracy.u * (exact + error) * size;
}

}  // namespace tenon
