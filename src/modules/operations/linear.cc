// Linears, convolutions and depthwise convolutions.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "modules/cuda/gpu_call.h"
#include "modules/operations/parameters.h"
#include "modules/products.h"

namespace tenon {
namespace {

using Kind = Parameter::Kind;

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

template <typename T>
void cpu_linear(const Call<T>& call, std::vector<Array<T>>& out) {
  const Array<T>& x = call.value("x");
  const Matrix w = matrix_of(*call.weight("weight"), call.attributes().flag("transposed"));
  multiply(call, x.data.data(), x.rows(), w, out[0].data.data());
  add_bias(call.weight("bias"), out[0]);
}

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

std::vector<Shape> linear_shapes(const ShapeCall& c) {
  c.rank("weight", 2);
  const bool transposed = c.attributes.flag("transposed");
  const std::int64_t out = c.of("weight")[transposed ? 1 : 0];
  const std::int64_t in = c.of("weight")[transposed ? 0 : 1];
  require(!c.of("x").empty() && c.of("x").back() == in,
          fmt::format("x {} does not fit the weight {}", to_string(c.of("x")), to_string(c.of("weight"))));
  c.vector_of("bias", out);
  Shape shape = c.of("x");
  shape.back() = out;
  return {shape};
}
std::vector<Shape> conv_shapes(const ShapeCall& c) {
  const std::size_t axes = c.step.operation->name == "conv2d" ? 2 : 3;
  c.rank("x", axes + 2);
  c.rank("weight", axes + 2);
  require(c.of("x")[1] == c.of("weight")[1], "x and the weight differ in their channels");
  c.vector_of("bias", c.of("weight")[0]);
  const auto stride = c.attributes.integers("stride", std::vector<std::int64_t>(axes, 1));
  const auto padding = c.attributes.integers("padding", std::vector<std::int64_t>(axes, 0));
  require(stride.size() == axes && padding.size() == axes,
          fmt::format("stride and padding have {} extents", axes));
  Shape out = {c.of("x")[0], c.of("weight")[0]};
  for (std::size_t i = 0; i < axes; ++i) {
    const std::int64_t room = c.of("x")[i + 2] + 2 * padding[i] - c.of("weight")[i + 2];
    require(stride[i] > 0 && padding[i] >= 0 && room >= 0, "the kernel does not fit into x");
    out.push_back(room / stride[i] + 1);
  }
  return {out};
}
std::vector<Shape> depthwise_shapes(const ShapeCall& c) {
  c.rank("x", 2);
  const Shape& w = c.of("weight");
  require((w.size() == 2 || (w.size() == 3 && w[1] == 1)) && w[0] == c.of("x")[1] && w.back() > 0,
          "the weight is [channels, 1, kernel]");
  c.vector_of("bias", w[0]);
  return {c.of("x")};
}
// Two axes are three of which the first is 1.
tenon_tensor with_depth(const tenon_tensor& t) {
  return t.rank == 5 ? t : reshaped(t, {t.shape[0], t.shape[1], 1, t.shape[2], t.shape[3]});
}

bool gpu_linear(GpuCall& c) {
  c.queue(c.api().linear, tenon_linear_args{matrix(c.in("x")), c.in("weight"), c.in("bias"), matrix(c.out()),
                                            c.attributes.flag("transposed"), 0});
  return true;
}

bool gpu_conv(GpuCall& c) {
  tenon_conv_args args{with_depth(c.in("x")),
                       with_depth(c.in("weight")),
                       c.in("bias"),
                       with_depth(c.out()),
                       {1, 1, 1},
                       {},
                       0,
                       0};
  const std::size_t axes = c.step.operation->name == "conv2d" ? 2 : 3;
  const auto stride = c.attributes.integers("stride", Shape(axes, 1));
  const auto padding = c.attributes.integers("padding", Shape(axes, 0));
  std::copy(stride.begin(), stride.end(), args.stride + 3 - axes);
  std::copy(padding.begin(), padding.end(), args.padding + 3 - axes);
  c.queue(c.api().conv, args);
  return true;
}

bool gpu_depthwise(GpuCall& c) {
  const tenon_tensor x = c.in("x");
  const tenon_tensor weight = c.in("weight");
  const tenon_tensor result = c.out();
  c.queue(c.api().depthwise_conv1d,
          tenon_depthwise_conv1d_args{reshaped(x, {1, x.shape[0], x.shape[1]}),
                                      reshaped(weight, {weight.shape[0], weight.shape[weight.rank - 1]}),
                                      c.in("bias"), reshaped(result, {1, x.shape[0], x.shape[1]}),
                                      TENON_IDENTITY, 0});
  return true;
}

ModuleOperation convolution(std::string_view name) {
  return {.name = name,
          .parameters = joined({product_parameters(true),
                                {{"stride", Kind::kIntegers, false}, {"padding", Kind::kIntegers, false}}}),
          .shapes = conv_shapes,
          .cpu = {cpu_conv<double>, cpu_conv<float>, bound_conv},
          .gpu = gpu_conv};
}

}  // namespace

std::vector<ModuleOperation> linear_operations() {
  return {
      {.name = "linear",
       .parameters = joined({product_parameters(true), {{"transposed", Kind::kFlag, false}}}),
       .shapes = linear_shapes,
       .cpu = {cpu_linear<double>, cpu_linear<float>, bound_linear},
       .gpu = gpu_linear,
       .role = Role::kLinear},
      convolution("conv2d"),
      convolution("conv3d"),
      {.name = "depthwise_conv1d",
       .parameters = product_parameters(false),
       .shapes = depthwise_shapes,
       .cpu = {cpu_depthwise<double>, cpu_depthwise<float>, bound_depthwise},
       .gpu = gpu_depthwise},
  };
}

}  // namespace tenon
