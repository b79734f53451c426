// Activations, and how a gate and an up projection become one: act(clamped gate) * (clamped up + offset).
#pragma once

#include <limits>
#include <string>

#include "modules/attributes.h"
#include "modules/call.h"

namespace tenon {

enum class Activation { kSilu, kGelu, kGeluTanh, kRelu, kRelu2, kSigmoid, kTanh, kSoftplus, kExp };
Activation activation_of(const std::string& name);

template <typename T>
T activate(Activation act, T x);

/// The bound of act(x) in FP32 where x is known to within `error`.
double activation_bound(const Accuracy& accuracy, Activation act, double x, double error);

/// What a gated unit does to gate and up: the attributes act, limit, limit_after, alpha and up_offset.
struct GatedUnit {
  explicit GatedUnit(const Attributes& attributes);

  /// Is it act(gate) * up and no more? Kernels compute nothing else.
  bool plain() const;

  template <typename T>
  T gate(T x) const;
  template <typename T>
  T up(T y) const;
  /// Bounds of gate(x) and of up(y) where x and y are known to within `error`.
  double gate_bound(const Accuracy& accuracy, double x, double error) const;
  double up_bound(const Accuracy& accuracy, double y, double error) const;
  /// The bound of gate(x) * up(y).
  double product_bound(const Accuracy& accuracy, double x, double x_error, double y, double y_error) const;

  Activation act;
  /// Before the activation the gate is at most `limit`, and up lies within it.
  double limit = std::numeric_limits<double>::infinity();
  /// After it, likewise.
  double limit_after = std::numeric_limits<double>::infinity();
  /// Where not 0, the gate is x * sigmoid(alpha * x).
  double alpha = 0;
  double up_offset = 0;
};

}  // namespace tenon
