// Linears, convolutions and depthwise convolutions.
#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <array>

#include "parity/cpu_operations.h"
#include "parity/library_product.h"

namespace tenon {
namespace {

constexpr std::int64_t kPanel = 16;  // outputs whose sums run side by side

// Every output is one sum in rising k; the outputs of a panel are independent of each other and of where the
// panel begins.
void multiply_in_order(const float* x, std::int64_t m, const Matrix& w, float* out) {
  const float* const w_data = w.weight->data.data() + w.first;
  const std::int64_t panels = (w.n + kPanel - 1) / kPanel;
  tbb::parallel_for(std::int64_t{0}, panels, [&](std::int64_t p) {
    const std::int64_t first = p * kPanel;
    const std::int64_t width = std::min(kPanel, w.n - first);
    std::vector<float> panel(static_cast<std::size_t>(w.k * kPanel));
    for (std::int64_t j = 0; j < width; ++j) {
      for (std::int64_t k = 0; k < w.k; ++k)
        panel[static_cast<std::size_t>(k * kPanel + j)] =
            w_data[(first + j) * w.row_stride + k * w.column_stride];
    }
    for (std::int64_t row = 0; row < m; ++row) {
      std::array<float, kPanel> sums{};
      for (std::int64_t k = 0; k < w.k; ++k) {
        const float factor = x[row * w.k + k];
        const float* const column = &panel[static_cast<std::size_t>(k * kPanel)];
        for (std::size_t j = 0; j < kPanel; ++j) sums[j] += factor * column[j];
      }
      std::copy_n(sums.begin(), width, out + row * w.n + first);
    }
  });
}

Matrix matrix_of(const Array<float>& weight, bool transposed) {
  const std::int64_t rows = weight.shape[0];
  const std::int64_t columns = weight.shape[1];
  if (transposed) return {&weight, 0, columns, rows, 1, columns};
  return {&weight, 0, rows, columns, columns, 1};
}

// A convolution's weight [N, C, ...] as a matrix over flattened patches.
Matrix flat_matrix(const Array<float>& weight) {
  const std::int64_t n = weight.shape[0];
  const std::int64_t k = n == 0 ? 0 : static_cast<std::int64_t>(Array<float>::count(weight.shape)) / n;
  return {&weight, 0, n, k, k, 1};
}

template <typename T>
void add_bias(const Array<float>* bias, Array<T>& out) {
  if (bias == nullptr) return;
  const std::size_t n = bias->size();
  for (std::size_t i = 0; i < out.size(); ++i) out[i] += static_cast<T>((*bias)[i % n]);
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

// Rows of the matrix, densely: where they lie, or copied into `packed`.
template <typename T>
const T* block_of(const Matrix& w, std::int64_t first, std::int64_t rows, std::vector<T>& packed) {
  const float* const data = w.weight->data.data() + w.first + first * w.row_stride;
  if constexpr (std::is_same_v<T, float>) {
    if (w.column_stride == 1 && w.row_stride == w.k && !w.absolute) return data;
  }
  packed.resize(static_cast<std::size_t>(rows * w.k));
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t k = 0; k < w.k; ++k) {
      const T value = data[r * w.row_stride + k * w.column_stride];
      packed[static_cast<std::size_t>(r * w.k + k)] = w.absolute ? std::abs(value) : value;
    }
  }
  return packed.data();
}

}  // namespace

template <typename T>
void multiply(const Call<T>& call, const T* x, std::int64_t m, const Matrix& w, T* out) {
  if constexpr (std::is_same_v<T, float>) {
    if (call.order == Order::kFixed) return multiply_in_order(x, m, w, out);
  } else {
    if (call.products != nullptr) return call.products->multiply(x, m, w, out);
  }
  // The weight goes through in blocks of rows, so that what is copied of it stays small.
  constexpr std::int64_t kBlock = 64;
  const std::int64_t blocks = (w.n + kBlock - 1) / kBlock;
  tbb::parallel_for(std::int64_t{0}, blocks, [&](std::int64_t block) {
    const std::int64_t first = block * kBlock;
    const std::int64_t rows = std::min(kBlock, w.n - first);
    std::vector<T> packed;
    std::vector<T> part(static_cast<std::size_t>(m * rows));
    library_product(x, m, block_of(w, first, rows, packed), rows, w.k, part.data());
    for (std::int64_t row = 0; row < m; ++row)
      std::copy_n(part.data() + row * rows, rows, out + row * w.n + first);
  });
}
template void multiply(const Call<float>&, const float*, std::int64_t, const Matrix&, float*);
template void multiply(const Call<double>&, const double*, std::int64_t, const Matrix&, double*);

void bound_product(const BoundCall& call, const double* x, const double* x_bound, std::int64_t m,
                   const Matrix& w, const float* bias, double* out) {
  const double n = static_cast<double>(w.k) + (bias == nullptr ? 0 : 1);
  const double gamma = call.accuracy.gamma(n);
  std::vector<double> reach(static_cast<std::size_t>(m * w.k));
  for (std::size_t i = 0; i < reach.size(); ++i)
    reach[i] = gamma * (std::abs(x[i]) + x_bound[i]) + x_bound[i];
  Matrix absolute = w;
  absolute.absolute = true;
  multiply(call.exact, reach.data(), m, absolute, out);
  const double underflow = n * 0x1p-149;  // of the FP32 products
  for (std::int64_t i = 0; i < m * w.n; ++i)
    out[i] += underflow + (bias == nullptr ? 0 : gamma * std::abs(static_cast<double>(bias[i % w.n])));
}

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
  const Array<float>* const bias = call.exact.weight("bias");
  bound_product(call, x.data.data(), call.bound("x").data.data(), x.rows(), w,
                bias == nullptr ? nullptr : bias->data.data(), out[0].data.data());
}

template <typename T>
void cpu_conv(const Call<T>& call, std::vector<Array<T>>& out) {
  const Array<float>& weight = *call.weight("weight");
  const auto unfolded = unfold(call.value("x"), weight.shape, out[0].shape, call.attributes());
  Array<T> rows({unfolded.rows.rows(), weight.shape[0]});
  multiply(call, unfolded.rows.data.data(), rows.rows(), flat_matrix(weight), rows.data.data());
  add_bias(call.weight("bias"), rows);
  out[0] = channels_first(rows, unfolded.places, out[0].shape);
}
template void cpu_conv(const Call<float>&, std::vector<Array<float>>&);
template void cpu_conv(const Call<double>&, std::vector<Array<double>>&);

void bound_conv(const BoundCall& call, std::vector<Array<double>>& out) {
  const Array<float>& weight = *call.exact.weight("weight");
  const Array<float>* const bias = call.exact.weight("bias");
  const auto attributes = call.exact.attributes();
  const auto x = unfold(call.exact.value("x"), weight.shape, out[0].shape, attributes);
  const auto x_bound = unfold(call.bound("x"), weight.shape, out[0].shape, attributes);
  Array<double> rows({x.rows.rows(), weight.shape[0]});
  bound_product(call, x.rows.data.data(), x_bound.rows.data.data(), rows.rows(), flat_matrix(weight),
                bias == nullptr ? nullptr : bias->data.data(), rows.data.data());
  out[0] = channels_first(rows, x.places, out[0].shape);
}

template <typename T>
void cpu_depthwise(const Call<T>& call, std::vector<Array<T>>& out) {
  const Array<T>& x = call.value("x");
  const Array<float>& w = *call.weight("weight");
  const std::int64_t channels = x.columns();
  const std::int64_t taps = w.shape.back();
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
  const Array<float>& w = *call.exact.weight("weight");
  const Array<float>* const bias = call.exact.weight("bias");
  const std::int64_t channels = x.columns();
  const std::int64_t taps = w.shape.back();
  const double gamma = call.accuracy.gamma(static_cast<double>(taps) + 1);
  for (std::int64_t t = 0; t < x.rows(); ++t) {
    for (std::int64_t c = 0; c < channels; ++c) {
      double sum = static_cast<double>(taps) * 0x1p-149;
      for (std::int64_t j = std::max<std::int64_t>(0, taps - 1 - t); j < taps; ++j) {
        const auto i = static_cast<std::size_t>((t - (taps - 1) + j) * channels + c);
        const double weight = std::abs(static_cast<double>(w[static_cast<std::size_t>(c * taps + j)]));
        sum += weight * (gamma * (std::abs(x[i]) + x_bound[i]) + x_bound[i]);
      }
      if (bias != nullptr) sum += gamma * std::abs(static_cast<double>((*bias)[static_cast<std::size_t>(c)]));
      out[0][static_cast<std::size_t>(t * channels + c)] = sum;
    }
  }
}

}  // namespace tenon
