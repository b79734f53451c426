// One step as the CPU computes it: operands by name, and the constants of the error bound. docs/parity.md
// derives the bounds.
#pragma once

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "modules/array.h"
#include "modules/attributes.h"
#include "modules/number_format.h"
#include "modules/program.h"
#include "modules/run.h"
#include "modules/weight.h"

namespace tenon {

/// out[m, n] = sum_k x[m, k] w[n, k], w being part of a weight, with any strides; |w| where `absolute`.
struct Matrix {
  const Weight* weight;
  /// the element where it begins
  std::int64_t first;
  std::int64_t n, k;
  /// of n and of k, in elements
  std::int64_t row_stride, column_stride;
  bool absolute = false;
};

/// Takes FP64 products where the weights are: a Weight then is a name for one, and need not hold data.
class Products {
 public:
  virtual ~Products() = default;
  virtual void multiply(const double* x, std::int64_t m, const Matrix& w, double* out) = 0;
};

template <typename T>
struct Call {
  const BoundStep& step;
  /// by slot
  const std::vector<Array<T>>& values;
  const SlotWeights& weights;
  /// by slot
  const std::vector<Shape>& shapes;
  Order order = Order::kLibrary;
  /// the experts to take, whatever the scores
  const std::vector<int>* forced = nullptr;
  /// what values inside the operation are rounded to, if at all
  const NumberFormat* inner_format = nullptr;
  /// nullptr: here
  Products* products = nullptr;

  Attributes attributes() const { return Attributes(step.attributes); }
  std::size_t count(const std::string& operand) const {
    const auto found = step.operands.find(operand);
    return found == step.operands.end() ? 0 : found->second.size();
  }
  int slot(const std::string& operand, std::size_t i = 0) const { return step.operands.at(operand).at(i); }
  const Array<T>& value(const std::string& operand, std::size_t i = 0) const {
    return values[static_cast<std::size_t>(slot(operand, i))];
  }
  /// A value inside the operation, as it is kept.
  T kept(T value) const { return inner_format == nullptr ? value : round_to(*inner_format, value); }
  /// nullptr where the operand was left out.
  const Weight* weight(const std::string& operand, std::size_t i = 0) const {
    return count(operand) <= i ? nullptr : weights[static_cast<std::size_t>(slot(operand, i))];
  }
};

/// The constants of the error bound. `u` is twice the unit roundoff of FP32: tensor cores may truncate.
struct Accuracy {
  double u = 0x1p-23;
  /// relative error of exp, erf, tanh, 1 / sqrt in FP32
  double functions = 0x1p-20;
  /// error of an activation, relative to its argument
  double activations = 0x1p-20;
  /// unit roundoff of the format that results are kept in
  double out = 0;
  /// its smallest subnormal
  double tiny = 0;

  static Accuracy of(const NumberFormat& format) {
    Accuracy a;
    a.out = format.unit_roundoff;
    a.tiny = format.smallest_subnormal;
    return a;
  }
  double gamma(double n) const {
    return n * u < 1 ? n * u / (1 - n * u) : std::numeric_limits<double>::infinity();
  }
  /// The bound of a result once it is rounded to the format.
  double rounded(double exact, double error) const { return error + out * (std::abs(exact) + error) + tiny; }
};

struct BoundCall {
  /// operands and attributes
  const Call<double>& exact;
  /// by slot, of values
  const std::vector<Array<double>>& bounds;
  /// exact outputs of this step
  const std::vector<Array<double>>& results;
  Accuracy accuracy;
  /// set to false where the forced experts are not among those that rounding could choose
  bool* admissible;

  const Array<double>& bound(const std::string& operand, std::size_t i = 0) const {
    return bounds[static_cast<std::size_t>(exact.slot(operand, i))];
  }
};

}  // namespace tenon
