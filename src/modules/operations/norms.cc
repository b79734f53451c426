// RMSNorm and LayerNorm.

#include <fmt/format.h>

#include <algorithm>

#include "modules/cuda/gpu_call.h"
#include "modules/operation.h"

namespace tenon {
namespace {

using Kind = Parameter::Kind;

// One row's weight, bias and constants.
struct Norm {
  template <typename T>
  explicit Norm(const Call<T>& call)
      : weight(weights_of_heads(call)),
        bias(numbers_of(call.weight("bias"))),
        epsilon(call.attributes().real("epsilon")),
        offset(call.attributes().real("offset", 0)) {}
  // One weight, or those of the heads, one behind the other.
  template <typename T>
  static std::vector<float> weights_of_heads(const Call<T>& call) {
    std::vector<float> out = numbers_of(call.weight("weight"));
    for (std::size_t i = 0; i < call.count("weights"); ++i) {
      const auto one = numbers_of(call.weight("weights", i));
      out.insert(out.end(), one.begin(), one.end());
    }
    return out;
  }
  /// Of row `row` of x: a weight of several rows serves them in turn, a head at a time.
  Norm& of_row(std::size_t row, std::size_t n) {
    const std::size_t rows = weight.size() / n;
    begin = rows == 0 ? 0 : row % rows * n;
    return *this;
  }
  template <typename T>
  T factor(std::size_t i) const {
    return weight.empty() ? T{1} : static_cast<T>(weight[begin + i]) + static_cast<T>(offset);
  }
  double factor_size(std::size_t i) const { return std::abs(factor<double>(i)); }

  std::vector<float> weight;  // empty: none
  std::vector<float> bias;
  double epsilon;
  double offset;
  std::size_t begin = 0;  // of the row's part of the weight
};

// Normalises z (a row, centred already) by sqrt(mean(z^2) + epsilon).
template <typename T>
void scale_row(const Norm& norm, const T* z, std::size_t n, T* out) {
  T squares = 0;
  for (std::size_t i = 0; i < n; ++i) squares += z[i] * z[i];
  const T inverse = 1 / std::sqrt(squares / static_cast<T>(n) + static_cast<T>(norm.epsilon));
  for (std::size_t i = 0; i < n; ++i) {
    out[i] = z[i] * inverse * norm.factor<T>(i);
    if (!norm.bias.empty()) out[i] += static_cast<T>(norm.bias[norm.begin % norm.bias.size() + i]);
  }
}

// The bound of scale_row() where z is known to within `error`. With s(z) = sqrt(mean(z^2) + epsilon), a norm
// of (z / sqrt(n), sqrt(epsilon)), |s(z + d) - s(z)| <= sqrt(mean(d^2)): docs/parity.md, "Norms".
void scale_row_bound(const Accuracy& accuracy, const Norm& norm, const double* z, const double* error,
                     std::size_t n, double* out) {
  double squares = 0;
  double shifts = 0;
  for (std::size_t i = 0; i < n; ++i) squares += z[i] * z[i], shifts += error[i] * error[i];
  const double count = static_cast<double>(n);
  const double s = std::sqrt(squares / count + norm.epsilon);
  const double shift = std::sqrt(shifts / count);
  const double lowest = s - shift;
  // Relative error of the computed 1 / s: its sum of squares, the mean, epsilon, the root.
  const double inverse = accuracy.gamma(count + 4) + accuracy.functions;
  for (std::size_t i = 0; i < n; ++i) {
    const double factor = norm.factor_size(i);
    const double moved = lowest > 0 ? error[i] / lowest + std::abs(z[i]) * shift / (s * lowest)
                                    : std::numeric_limits<double>::infinity();
    const double size = (s > 0 ? std::abs(z[i]) / s : 0) + moved;
    // Rounding: 1 / s, the two products, the weight's offset, and the normalised row itself, which some
    // modules round to the format before they scale it.
    out[i] = factor * (moved + size * (inverse + accuracy.gamma(4) + accuracy.out) + accuracy.tiny);
    if (!norm.bias.empty())
      out[i] += accuracy.u *
                (factor * size + std::abs(static_cast<double>(norm.bias[norm.begin % norm.bias.size() + i])));
  }
}

template <typename T>
T mean(const T* row, std::size_t n) {
  T sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += row[i];
  return sum / static_cast<T>(n);
}

template <typename T>
void cpu_rms_norm(const Call<T>& call, std::vector<Array<T>>& out) {
  Norm norm(call);
  const Array<T>& x = call.value("x");
  const auto n = static_cast<std::size_t>(x.columns());
  for (std::size_t row = 0; row < x.size(); row += n)
    scale_row(norm.of_row(row / n, n), x.data.data() + row, n, out[0].data.data() + row);
}

void bound_rms_norm(const BoundCall& call, std::vector<Array<double>>& out) {
  Norm norm(call.exact);
  const Array<double>& x = call.exact.value("x");
  const auto n = static_cast<std::size_t>(x.columns());
  for (std::size_t row = 0; row < x.size(); row += n)
    scale_row_bound(call.accuracy, norm.of_row(row / n, n), x.data.data() + row,
                    call.bound("x").data.data() + row, n, out[0].data.data() + row);
}

template <typename T>
void cpu_layer_norm(const Call<T>& call, std::vector<Array<T>>& out) {
  Norm norm(call);
  const Array<T>& x = call.value("x");
  const auto n = static_cast<std::size_t>(x.columns());
  std::vector<T> centred(n);
  for (std::size_t row = 0; row < x.size(); row += n) {
    const T middle = mean(x.data.data() + row, n);
    for (std::size_t i = 0; i < n; ++i) centred[i] = x[row + i] - middle;
    scale_row(norm.of_row(row / n, n), centred.data(), n, out[0].data.data() + row);
  }
}

void bound_layer_norm(const BoundCall& call, std::vector<Array<double>>& out) {
  Norm norm(call.exact);
  const Array<double>& x = call.exact.value("x");
  const auto n = static_cast<std::size_t>(x.columns());
  std::vector<double> centred(n);
  std::vector<double> error(n);
  std::vector<double> sizes(n);
  for (std::size_t row = 0; row < x.size(); row += n) {
    const double* const bound = call.bound("x").data.data() + row;
    const double middle = mean(x.data.data() + row, n);
    for (std::size_t i = 0; i < n; ++i) sizes[i] = std::abs(x[row + i]) + bound[i];
    const double gamma = call.accuracy.gamma(static_cast<double>(n) + 1);
    const double middle_bound = mean(bound, n) + gamma * mean(sizes.data(), n);
    for (std::size_t i = 0; i < n; ++i) {
      centred[i] = x[row + i] - middle;
      error[i] = bound[i] + middle_bound;
      error[i] += call.accuracy.u * (std::abs(centred[i]) + error[i]);
    }
    scale_row_bound(call.accuracy, norm.of_row(row / n, n), centred.data(), error.data(), n,
                    out[0].data.data() + row);
  }
}

// A weight is of one row, or of the rows that a token has: one for each head.
std::vector<Shape> norm_shapes(const ShapeCall& c) {
  const Shape& x = c.of("x");
  for (const char* const name : {"weight", "bias"}) {
    if (!c.has(name)) continue;
    const Shape& w = c.of(name);
    require(!w.empty() && w.size() < x.size() + 1 && w.size() <= 2 &&
                std::equal(w.rbegin(), w.rend(), x.rbegin()),
            fmt::format("{} {} does not fit x {}", name, to_string(w), to_string(x)));
  }
  require(c.attributes.real("epsilon") >= 0, "epsilon is negative");
  return {x};
}

std::vector<Shape> heads_norm_shapes(const ShapeCall& c) {
  c.rank("x", 3);
  require(static_cast<std::int64_t>(c.count("weights")) == c.of("x")[1], "a weight for each head is needed");
  for (std::size_t i = 0; i < c.count("weights"); ++i)
    require(c.of("weights", i) == Shape{c.of("x")[2]},
            fmt::format("the weight of head {} does not fit x {}", i, to_string(c.of("x"))));
  return norm_shapes(c);
}

tenon_rms_norm_args norm_args(const GpuCall& c) {
  return {matrix(c.in("x")),
          c.in("weight"),
          c.in("bias"),
          matrix(c.out()),
          c.attributes.real("epsilon"),
          c.attributes.real("offset", 0)};
}

bool gpu_rms_norm(GpuCall& c) {
  if (c.has("weight") && c.shape_of("weight").size() != 1) return false;
  c.queue(c.api().rms_norm, norm_args(c));
  return true;
}

bool gpu_layer_norm(GpuCall& c) {
  if (c.has("weight") && c.shape_of("weight").size() != 1) return false;
  c.queue(c.api().layer_norm, norm_args(c));
  return true;
}

}  // namespace

std::vector<ModuleOperation> norm_operations() {
  return {
      {.name = "rms_norm",
       .parameters = {{"x", Kind::kValue},
                      {"weight", Kind::kWeight, false},
                      {"epsilon", Kind::kReal},
                      {"offset", Kind::kReal, false}},
       .shapes = norm_shapes,
       .cpu = {cpu_rms_norm<double>, cpu_rms_norm<float>, bound_rms_norm},
       .gpu = gpu_rms_norm},
      {.name = "layer_norm",
       .parameters = {{"x", Kind::kValue},
                      {"weight", Kind::kWeight, false},
                      {"bias", Kind::kWeight, false},
                      {"epsilon", Kind::kReal}},
       .shapes = norm_shapes,
       .cpu = {cpu_layer_norm<double>, cpu_layer_norm<float>, bound_layer_norm},
       .gpu = gpu_layer_norm},
      // A norm of its own for each head.
      {.name = "layer_norm_heads",
       .parameters = {{"x", Kind::kValue}, {"weights", Kind::kWeights}, {"epsilon", Kind::kReal}},
       .shapes = heads_norm_shapes,
       .cpu = {cpu_layer_norm<double>, cpu_layer_norm<float>, bound_layer_norm}},
  };
}

}  // namespace tenon
