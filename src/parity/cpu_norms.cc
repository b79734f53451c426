// RMSNorm and LayerNorm.
#include "parity/cpu_operations.h"

namespace tenon {
namespace {

// One row's weight, bias and constants.
struct Norm {
  template <typename T>
  explicit Norm(const Call<T>& call)
      : weight(numbers_of(call.weight("weight"))),
        bias(numbers_of(call.weight("bias"))),
        epsilon(call.attributes().real("epsilon")),
        offset(call.attributes().real("offset", 0)) {}
  template <typename T>
  T factor(std::size_t i) const {
    return weight.empty() ? T{1} : static_cast<T>(weight[i]) + static_cast<T>(offset);
  }
  double factor_size(std::size_t i) const { return std::abs(factor<double>(i)); }

  std::vector<float> weight;  // empty: none
  std::vector<float> bias;
  double epsilon;
  double offset;
};

// Normalises z (a row, centred already) by sqrt(mean(z^2) + epsilon).
template <typename T>
void scale_row(const Norm& norm, const T* z, std::size_t n, T* out) {
  T squares = 0;
  for (std::size_t i = 0; i < n; ++i) squares += z[i] * z[i];
  const T inverse = 1 / std::sqrt(squares / static_cast<T>(n) + static_cast<T>(norm.epsilon));
  for (std::size_t i = 0; i < n; ++i) {
    out[i] = z[i] * inverse * norm.factor<T>(i);
    if (!norm.bias.empty()) out[i] += static_cast<T>(norm.bias[i]);
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
      out[i] += accuracy.u * (factor * size + std::abs(static_cast<double>(norm.bias[i])));
  }
}

template <typename T>
T mean(const T* row, std::size_t n) {
  T sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += row[i];
  return sum / static_cast<T>(n);
}

}  // namespace

template <typename T>
void cpu_rms_norm(const Call<T>& call, std::vector<Array<T>>& out) {
  const Norm norm(call);
  const Array<T>& x = call.value("x");
  const auto n = static_cast<std::size_t>(x.columns());
  for (std::size_t row = 0; row < x.size(); row += n)
    scale_row(norm, x.data.data() + row, n, out[0].data.data() + row);
}
template void cpu_rms_norm(const Call<float>&, std::vector<Array<float>>&);
template void cpu_rms_norm(const Call<double>&, std::vector<Array<double>>&);

void bound_rms_norm(const BoundCall& call, std::vector<Array<double>>& out) {
  const Norm norm(call.exact);
  const Array<double>& x = call.exact.value("x");
  const auto n = static_cast<std::size_t>(x.columns());
  for (std::size_t row = 0; row < x.size(); row += n)
    scale_row_bound(call.accuracy, norm, x.data.data() + row, call.bound("x").data.data() + row, n,
                    out[0].data.data() + row);
}

template <typename T>
void cpu_layer_norm(const Call<T>& call, std::vector<Array<T>>& out) {
  const Norm norm(call);
  const Array<T>& x = call.value("x");
  const auto n = static_cast<std::size_t>(x.columns());
  std::vector<T> centred(n);
  for (std::size_t row = 0; row < x.size(); row += n) {
    const T middle = mean(x.data.data() + row, n);
    for (std::size_t i = 0; i < n; ++i) centred[i] = x[row + i] - middle;
    scale_row(norm, centred.data(), n, out[0].data.data() + row);
  }
}
template void cpu_layer_norm(const Call<float>&, std::vector<Array<float>>&);
template void cpu_layer_norm(const Call<double>&, std::vector<Array<double>>&);

void bound_layer_norm(const BoundCall& call, std::vector<Array<double>>& out) {
  const Norm norm(call.exact);
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
    scale_row_bound(call.accuracy, norm, centred.data(), error.data(), n, out[0].data.data() + row);
  }
}

}  // namespace tenon
