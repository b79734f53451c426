// The primitive operations on the CPU: each as FP64 (the reference), as FP32, and as the error bound that
// goes with it. docs/parity.md derives the bounds.
#pragma once

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "parity/array.h"
#include "parity/attributes.h"
#include "parity/number_format.h"
#include "parity/program.h"
#include "parity/weight.h"

namespace tenon {

/// How the sums over K are taken: as the library likes, or each in rising k whatever the tiling.
enum class Order { kLibrary, kFixed };

/// The experts chosen, by routing step in the program's order: [tokens * k] indices.
using Routes = std::vector<std::vector<int>>;

/// out[m, n] = sum_k x[m, k] w[n, k], w being part of a weight, with any strides; |w| where `absolute`.
struct Matrix {
  const Weight* weight;
  std::int64_t first;  // the element where it begins
  std::int64_t n, k;
  std::int64_t row_stride, column_stride;  // of n and of k, in elements
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
  const std::vector<Array<T>>& values;  // by slot
  const SlotWeights& weights;
  const std::vector<Shape>& shapes;  // by slot
  Order order = Order::kLibrary;
  const std::vector<int>* forced = nullptr;    // the experts to take, whatever the scores
  const NumberFormat* inner_format = nullptr;  // what values inside the operation are rounded to, if at all
  Products* products = nullptr;                // nullptr: here

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
  double functions = 0x1p-20;    // relative error of exp, erf, tanh, 1 / sqrt in FP32
  double activations = 0x1p-20;  // error of an activation, relative to its argument
  double out = 0;                // unit roundoff of the format that results are kept in
  double tiny = 0;               // its smallest subnormal

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
  const Call<double>& exact;                  // operands and attributes
  const std::vector<Array<double>>& bounds;   // by slot, of values
  const std::vector<Array<double>>& results;  // exact outputs of this step
  Accuracy accuracy;
  bool* admissible;  // set to false where the forced experts are not among those that rounding could choose

  const Array<double>& bound(const std::string& operand, std::size_t i = 0) const {
    return bounds[static_cast<std::size_t>(exact.slot(operand, i))];
  }
};

struct CpuOperation {
  void (*reference)(const Call<double>&, std::vector<Array<double>>& out);
  void (*run)(const Call<float>&, std::vector<Array<float>>& out);
  /// Bounds before the result is rounded to the format; nullptr: the operation only moves elements.
  void (*bound)(const BoundCall&, std::vector<Array<double>>& out);
  /// Which output is no rounded number (expert indices); -1: none.
  int exact_output = -1;
};

/// Throws std::logic_error where there is none of that name.
const CpuOperation& cpu_operation(const std::string& name);

// The operations, by file; each is instantiated for float and double.
// cpu_linear.cc
template <typename T>
void cpu_linear(const Call<T>&, std::vector<Array<T>>&);
template <typename T>
void cpu_conv(const Call<T>&, std::vector<Array<T>>&);
template <typename T>
void cpu_depthwise(const Call<T>&, std::vector<Array<T>>&);
void bound_linear(const BoundCall&, std::vector<Array<double>>&);
void bound_conv(const BoundCall&, std::vector<Array<double>>&);
void bound_depthwise(const BoundCall&, std::vector<Array<double>>&);
// cpu_elementwise.cc
template <typename T>
void cpu_activation(const Call<T>&, std::vector<Array<T>>&);
template <typename T>
void cpu_act_mul(const Call<T>&, std::vector<Array<T>>&);
template <typename T>
void cpu_act_mul_halves(const Call<T>&, std::vector<Array<T>>&);
template <typename T>
void cpu_add(const Call<T>&, std::vector<Array<T>>&);
template <typename T>
void cpu_mul(const Call<T>&, std::vector<Array<T>>&);
void bound_activation(const BoundCall&, std::vector<Array<double>>&);
void bound_act_mul(const BoundCall&, std::vector<Array<double>>&);
void bound_act_mul_halves(const BoundCall&, std::vector<Array<double>>&);
void bound_add(const BoundCall&, std::vector<Array<double>>&);
void bound_mul(const BoundCall&, std::vector<Array<double>>&);
// cpu_moves.cc
template <typename T>
void cpu_chunk(const Call<T>&, std::vector<Array<T>>&);
template <typename T>
void cpu_concat(const Call<T>&, std::vector<Array<T>>&);
template <typename T>
void cpu_reshape(const Call<T>&, std::vector<Array<T>>&);
template <typename T>
void cpu_transpose(const Call<T>&, std::vector<Array<T>>&);
template <typename T>
void cpu_patches(const Call<T>&, std::vector<Array<T>>&);
template <typename T>
void cpu_embedding(const Call<T>&, std::vector<Array<T>>&);
// cpu_norms.cc
template <typename T>
void cpu_rms_norm(const Call<T>&, std::vector<Array<T>>&);
template <typename T>
void cpu_layer_norm(const Call<T>&, std::vector<Array<T>>&);
void bound_rms_norm(const BoundCall&, std::vector<Array<double>>&);
void bound_layer_norm(const BoundCall&, std::vector<Array<double>>&);
// cpu_attention.cc
template <typename T>
void cpu_rope(const Call<T>&, std::vector<Array<T>>&);
template <typename T>
void cpu_attention(const Call<T>&, std::vector<Array<T>>&);
void bound_rope(const BoundCall&, std::vector<Array<double>>&);
void bound_attention(const BoundCall&, std::vector<Array<double>>&);
// cpu_experts.cc
template <typename T>
void cpu_route(const Call<T>&, std::vector<Array<T>>&);
template <typename T>
void cpu_experts(const Call<T>&, std::vector<Array<T>>&);
void bound_route(const BoundCall&, std::vector<Array<double>>&);
void bound_experts(const BoundCall&, std::vector<Array<double>>&);

// What several of them share.
// cpu_products.cc

/// By the call's order of summation and where it takes its products.
template <typename T>
void multiply(const Call<T>& call, const T* x, std::int64_t m, const Matrix& w, T* out);

/// E = |W| (gamma(n) (|x| + Ex) + Ex) + gamma(n) |b|, the bound of x W^T + b, for m rows. No bias: empty.
void bound_product(const BoundCall& call, const double* x, const double* x_bound, std::int64_t m,
                   const Matrix& w, const std::vector<float>& bias, double* out);

enum class Activation { kSilu, kGelu, kGeluTanh, kRelu, kRelu2 };
Activation activation_of(const std::string& name);
template <typename T>
T activate(Activation act, T x);
/// The bound of act(x) in FP32 where x is known to within `error`.
double activation_bound(const Accuracy& accuracy, Activation act, double x, double error);

/// cos and sin of position * theta^(-2 i / rotary), rounded to FP32: the same table for every backend.
struct RopeTable {
  RopeTable(std::int64_t tokens, std::int64_t rotary, double theta);
  std::vector<float> cos, sin;  // [tokens, rotary / 2]
};

}  // namespace tenon
