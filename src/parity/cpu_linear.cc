// Linears, convolutions and depthwise convolutions.
#include <algorithm>
#include <array>

#include "parity/cpu_operations.h"

namespace tenon {
namespace {

Matrix matrix_of(const Weight& weight, bool transposed) {
  const std::int64_t rows = weight.shape()[0];
  const std::int64_t columns = weight.shape()[1];
  if (transposed) return {&weight, 0, columns, rows, 1, columns};
  return {&weight, 0, rows, columns, columns, 1};
}

// A convolution's weight [N, C, ...] as a matrix over flattened patches.
Matrix flat_matrix(const Weight& weight) {
  const std::int64_t n = weight.shape()[0];
  const std::int64_t k = n == 0 ? 0 : static_cast<std::int64_t>(Array<float>::count(weight.shape())) / n;
  return {&weight, 0, n, k, k, 1};
}

template <typename T>
void add_bias(const Weight* weight, Array<T>& out) {
  const auto bias = numbers_of(weight);
  if (bias.empty()) return;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] += static_cast<T>(bias[i % bias.size()]);
}

// The rows that a convolution multiplies: for every place of the output the pixels under the kernel, zero
// outside the image.
template <typename T>
struct Unfolded {
  Array<T> rows;        // [batch * places, channels * kernel]
  std::int64_t places;  // of one image
};

template <typename T>
Unfolded<T> unfold(const Array<T>& x, const Shape& weight, const Shape& out, const Attributes& attributes) {
  const std::size_t axes = weight.size() - 2;
  Shape size(3, 1), kernel(3, 1), places(3, 1), stride(3, 1), padding(3, 0);
  const auto strides = attributes.integers("stride", Shape(axes, 1));
  const auto paddings = attributes.integers("padding", Shape(axes, 0));
  for (std::size_t i = 0; i < axes; ++i) {
    const std::size_t at = 3 - axes + i;
    size[at] = x.shape[i + 2];
    kernel[at] = weight[i + 2];
    places[at] = out[i + 2];
    stride[at] = strides[i];
    padding[at] = paddings[i];
  }
  const std::int64_t channels = x.shape[1];
  const std::int64_t all = places[0] * places[1] * places[2];
  Unfolded<T> unfolded{Array<T>({x.shape[0] * all, channels * kernel[0] * kernel[1] * kernel[2]}), all};
  T* to = unfolded.rows.data.data();
  const auto pixel = [&](std::int64_t image, std::int64_t channel,
                         const std::array<std::int64_t, 3>& at) -> T {
    for (std::size_t i = 0; i < 3; ++i) {
      if (at[i] < 0 || at[i] >= size[i]) return 0;
    }
    return x.data[static_cast<std::size_t>(
        (((image * channels + channel) * size[0] + at[0]) * size[1] + at[1]) * size[2] + at[2])];
  };
  for (std::int64_t image = 0; image < x.shape[0]; ++image) {
    for (std::int64_t place = 0; place < all; ++place) {
      const std::array<std::int64_t, 3> from = {place / (places[1] * places[2]) * stride[0] - padding[0],
                                                place / places[2] % places[1] * stride[1] - padding[1],
                                                place % places[2] * stride[2] - padding[2]};
      for (std::int64_t c = 0; c < channels; ++c) {
        for (std::int64_t i = 0; i < kernel[0] * kernel[1] * kernel[2]; ++i) {
          *to++ = pixel(image, c,
                        {from[0] + i / (kernel[1] * kernel[2]), from[1] + i / kernel[2] % kernel[1],
                         from[2] + i % kernel[2]});
        }
      }
    }
  }
  return unfolded;
}

// [batch * places, N] to [batch, N, places...]
template <typename T>
Array<T> channels_first(const Array<T>& rows, std::int64_t places, Shape shape) {
  Array<T> out(std::move(shape));
  const std::int64_t n = rows.columns();
  for (std::int64_t row = 0; row < rows.rows(); ++row) {
    for (std::int64_t c = 0; c < n; ++c) {
      out[static_cast<std::size_t>((row / places * n + c) * places + row % places)] =
          rows[static_cast<std::size_t>(row * n + c)];
    }
  }
  return out;
}

}  // namespace

template <typename T>
void cpu_linear(const Call<T>& call, std::vector<Array<T>>& out) {
  const Array<T>& x = call.value("x");
  const Matrix w = matrix_of(*call.weight("weight"), call.attributes().flag("transposed"));
  multiply(call, x.data.data(), x.rows(), w, out[0].data.data());
  add_bias(call.weight("bias"), out[0]);
}
template void cpu_linear(const Call<float>&, std::vector<Array<float>>&);
template void cpu_linear(const Call<double>&, std::vector<Array<double>>&);

void bound_linear(const BoundCall& call, std::vector<Array<double>>& out) {
  const Array<double>& x = call.exact.value("x");
  const Matrix w = matrix_of(*call.exact.weight("weight"), call.exact.attributes().flag("transposed"));
  bound_product(call, x.data.data(), call.bound("x").data.data(), x.rows(), w,
                numbers_of(call.exact.weight("bias")), out[0].data.data());
}

template <typename T>
void cpu_conv(const Call<T>& call, std::vector<Array<T>>& out) {
  const Weight& weight = *call.weight("weight");
  const auto unfolded = unfold(call.value("x"), weight.shape(), out[0].shape, call.attributes());
  Array<T> rows({unfolded.rows.rows(), weight.shape()[0]});
  multiply(call, unfolded.rows.data.data(), rows.rows(), flat_matrix(weight), rows.data.data());
  add_bias(call.weight("bias"), rows);
  out[0] = channels_first(rows, unfolded.places, out[0].shape);
}
template void cpu_conv(const Call<float>&, std::vector<Array<float>>&);
template void cpu_conv(const Call<double>&, std::vector<Array<double>>&);

void bound_conv(const BoundCall& call, std::vector<Array<double>>& out) {
  const Weight& weight = *call.exact.weight("weight");
  const auto attributes = call.exact.attributes();
  const auto x = unfold(call.exact.value("x"), weight.shape(), out[0].shape, attributes);
  const auto x_bound = unfold(call.bound("x"), weight.shape(), out[0].shape, attributes);
  Array<double> rows({x.rows.rows(), weight.shape()[0]});
  bound_product(call, x.rows.data.data(), x_bound.rows.data.data(), rows.rows(), flat_matrix(weight),
                numbers_of(call.exact.weight("bias")), rows.data.data());
  out[0] = channels_first(rows, x.places, out[0].shape);
}

template <typename T>
void cpu_depthwise(const Call<T>& call, std::vector<Array<T>>& out) {
  const Array<T>& x = call.value("x");
  const auto w = numbers_of(call.weight("weight"));
  const std::int64_t channels = x.columns();
  const std::int64_t taps = call.weight("weight")->shape().back();
  for (std::int64_t t = 0; t < x.rows(); ++t) {
    for (std::int64_t c = 0; c < channels; ++c) {
      T sum = 0;
      for (std::int64_t j = std::max<std::int64_t>(0, taps - 1 - t); j < taps; ++j) {
        sum += static_cast<T>(w[static_cast<std::size_t>(c * taps + j)]) *
               x[static_cast<std::size_t>((t - (taps - 1) + j) * channels + c)];
      }
      out[0][static_cast<std::size_t>(t * channels + c)] = sum;
    }
  }
  add_bias(call.weight("bias"), out[0]);
}
template void cpu_depthwise(const Call<float>&, std::vector<Array<float>>&);
template void cpu_depthwise(const Call<double>&, std::vector<Array<double>>&);

void bound_depthwise(const BoundCall& call, std::vector<Array<double>>& out) {
  const Array<double>& x = call.exact.value("x");
  const Array<double>& x_bound = call.bound("x");
  const auto w = numbers_of(call.exact.weight("weight"));
  const auto bias = numbers_of(call.exact.weight("bias"));
  const std::int64_t channels = x.columns();
  const std::int64_t taps = call.exact.weight("weight")->shape().back();
  const double gamma = call.accuracy.gamma(static_cast<double>(taps) + 1);
  for (std::int64_t t = 0; t < x.rows(); ++t) {
    for (std::int64_t c = 0; c < channels; ++c) {
      double sum = static_cast<double>(taps) * 0x1p-149;
      for (std::int64_t j = std::max<std::int64_t>(0, taps - 1 - t); j < taps; ++j) {
        const auto i = static_cast<std::size_t>((t - (taps - 1) + j) * channels + c);
        const double weight = std::abs(static_cast<double>(w[static_cast<std::size_t>(c * taps + j)]));
        sum += weight * (gamma * (std::abs(x[i]) + x_bound[i]) + x_bound[i]);
      }
      if (!bias.empty()) sum += gamma * std::abs(static_cast<double>(bias[static_cast<std::size_t>(c)]));
      out[0][static_cast<std::size_t>(t * channels + c)] = sum;
    }
  }
}

}  // namespace tenon
