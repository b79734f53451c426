// Direct convolutions, patches as a linear (bit-equal to the convolution in the fixed order), and depthwise
// conv1d.
#include <algorithm>
#include <cmath>

#include "kernels/tests/harness.h"

namespace {

struct Conv {
  const char* name;
  int64_t batch, channels, out_channels;
  int64_t size[3], kernel[3], stride[3], padding[3];
};
const Conv kConvs[] = {
    {"conv2d", 2, 3, 10, {1, 11, 9}, {1, 3, 3}, {1, 2, 1}, {0, 1, 1}},
    {"conv2d patches", 2, 3, 72, {1, 28, 42}, {1, 14, 14}, {1, 14, 14}, {0, 0, 0}},
    {"conv3d patches", 1, 3, 72, {4, 28, 28}, {2, 14, 14}, {2, 14, 14}, {0, 0, 0}},
};

int64_t places(const Conv& c, int axis) {
  return (c.size[axis] + 2 * c.padding[axis] - c.kernel[axis]) / c.stride[axis] + 1;
}

double at(const Conv& c, const Tensor& x, int64_t b, int64_t channel, const int64_t (&p)[3]) {
  for (int axis = 0; axis < 3; ++axis)
    if (p[axis] < 0 || p[axis] >= c.size[axis]) return 0;
  return x.values[(((b * c.channels + channel) * c.size[0] + p[0]) * c.size[1] + p[1]) * c.size[2] + p[2]];
}

// [batch * places, out_channels]
Values reference(const Conv& c, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  Values out;
  for (int64_t b = 0; b < c.batch; ++b)
    for (int64_t d = 0; d < places(c, 0); ++d)
      for (int64_t i = 0; i < places(c, 1); ++i)
        for (int64_t j = 0; j < places(c, 2); ++j)
          for (int64_t n = 0; n < c.out_channels; ++n) {
            double sum = bias.values[n];
            int64_t w = n * c.channels * c.kernel[0] * c.kernel[1] * c.kernel[2];
            for (int64_t channel = 0; channel < c.channels; ++channel)
              for (int64_t kd = 0; kd < c.kernel[0]; ++kd)
                for (int64_t ki = 0; ki < c.kernel[1]; ++ki)
                  for (int64_t kj = 0; kj < c.kernel[2]; ++kj) {
                    int64_t p[3] = {d * c.stride[0] - c.padding[0] + kd, i * c.stride[1] - c.padding[1] + ki,
                                    j * c.stride[2] - c.padding[2] + kj};
                    sum += at(c, x, b, channel, p) * weight.values[w++];
                  }
            out.push_back(sum);
          }
  return out;
}

Tensor absolute(Tensor tensor) {
  for (double& value : tensor.values) value = std::fabs(value);
  return tensor;
}

void check_conv(Harness& h, const Conv& c, const Setting& s) {
  int64_t of_image = places(c, 0) * places(c, 1) * places(c, 2), rows = c.batch * of_image;
  int64_t k = c.channels * c.kernel[0] * c.kernel[1] * c.kernel[2];
  Tensor x = h.random({c.batch, c.channels, c.size[0], c.size[1], c.size[2]}, s.dtype),
         bias = h.random({c.out_channels}, s.dtype);
  Tensor weight = h.random({c.out_channels, c.channels, c.kernel[0], c.kernel[1], c.kernel[2]}, s.dtype);
  Values want = reference(c, x, weight, bias);
  tenon_conv_args args{x.device, weight.device, bias.device, {}, {}, {}, 1, 0};
  std::copy(c.stride, c.stride + 3, args.stride);
  std::copy(c.padding, c.padding + 3, args.padding);
  Tensor last = h.result({rows, c.out_channels}, s.dtype);
  args.out = last.device;
  h.run(h.api().conv, s.mode, args);
  h.expect_near(std::string(c.name) + ", channels last", last, want, s);

  Tensor first = h.result({c.batch, c.out_channels, places(c, 0), places(c, 1), places(c, 2)}, s.dtype);
  args.out = first.device, args.channels_last = 0;
  h.run(h.api().conv, s.mode, args);
  Values got = h.read(first), expected = h.read(last);
  bool same = true;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t n = 0; n < c.out_channels; ++n)
      same &= got[(row / of_image * c.out_channels + n) * of_image + row % of_image] ==
              expected[row * c.out_channels + n];
  h.expect(std::string(c.name) + ", channels first, " + describe(s), same);

  Tensor sums = h.result({rows, c.out_channels}, TENON_F64);
  args.out = sums.device, args.channels_last = 1, args.absolute = 1;
  h.run(h.api().conv, s.mode, args);
  int precision = s.mode == TENON_REFERENCE ? TENON_F64 : TENON_F32;
  h.expect_near(std::string(c.name) + " of absolute values", sums,
                reference(c, absolute(x), absolute(weight), absolute(bias)), {s.mode, precision});

  if (c.padding[1] || c.stride[1] != c.kernel[1]) return;
  Tensor patches = h.result({rows, c.out_channels}, s.dtype);
  tenon_tensor flat = weight.device;
  flat.rank = 2, flat.shape[1] = k;
  h.run(h.api().patch_linear, s.mode,
        {x.device, flat, bias.device, patches.device, {c.kernel[0], c.kernel[1], c.kernel[2]}});
  h.expect_near(std::string(c.name) + " as a linear", patches, want, s);
  if (s.mode != TENON_PRODUCTION)
    h.expect_same_bits(std::string(c.name) + " as a linear, " + describe(s), patches, last);
}

void check_depthwise(Harness& h, const Setting& s, int64_t tokens) {
  int64_t batch = 2, channels = 37, taps = 4;
  Tensor x = h.random({batch, tokens, channels}, s.dtype), weight = h.random({channels, taps}, s.dtype),
         bias = h.random({channels}, s.dtype);
  Tensor out = h.result({batch, tokens, channels}, s.dtype);
  h.run(h.api().depthwise_conv1d, s.mode, {x.device, weight.device, bias.device, out.device, TENON_SILU, 0});
  auto sums = [&](const Tensor& x, const Tensor& weight, const Tensor& bias, int activation) {
    Values out;
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t t = 0; t < tokens; ++t)
        for (int64_t c = 0; c < channels; ++c) {
          double sum = bias.values[c];
          for (int64_t j = std::max<int64_t>(0, taps - 1 - t); j < taps; ++j)
            sum += weight.values[c * taps + j] * x.values[(b * tokens + t - (taps - 1) + j) * channels + c];
          out.push_back(activate_reference(activation, sum));
        }
    return out;
  };
  Values want = sums(x, weight, bias, TENON_SILU);
  h.expect_near("depthwise_conv1d of " + std::to_string(tokens) + " tokens", out, want, s);
  h.run(h.api().depthwise_conv1d, s.mode,
        {x.device, weight.device, bias.device, out.device, TENON_IDENTITY, 1});
  h.expect_near("depthwise_conv1d of absolute values, " + std::to_string(tokens) + " tokens", out,
                sums(absolute(x), absolute(weight), absolute(bias), TENON_IDENTITY), s);
}

}  // namespace

void test_convolutions(Harness& h) {
  for (const Setting& s : kSettings) {
    for (const Conv& c : kConvs) check_conv(h, c, s);
    for (int64_t tokens : {1, 3, 64, 257}) check_depthwise(h, s, tokens);
    h.release();
  }
}
