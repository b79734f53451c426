// cast, copy, embedding, activations, act_mul, add, mul, rms_norm and layer_norm.
#include <cmath>

#include "kernels/tests/harness.h"

namespace {

void check_cast(Harness& h) {
  // Halfway cases round to even; FP16 overflows to infinity; subnormals stay.
  Tensor half = h.make({5}, TENON_F16, {2049, 2051, 65520, 0x1p-24, -0x1p-26});
  h.expect("cast to FP16", half.values == Values{2048, 2052, HUGE_VAL, 0x1p-24, 0});
  Tensor brain = h.make({4}, TENON_BF16, {257, 259, 1 + 0x1p-8 + 0x1p-40, 0x1p-133});
  h.expect("cast to BF16", brain.values == Values{256, 260, 1 + 0x1p-7, 0x1p-133});
}

void check_copy(Harness& h, int dtype) {
  Tensor x = h.random({3, 5, 7}, dtype), out = h.result({7, 3, 5}, dtype);
  h.run(h.api().copy, TENON_PRODUCTION, {x.device, out.device, 3, {7, 3, 5}, {1, 35, 7}, {15, 5, 1}, 0, 0});
  Values got = h.read(out);
  bool same = true;
  for (int a = 0; a < 3; ++a)
    for (int b = 0; b < 5; ++b)
      for (int c = 0; c < 7; ++c) same &= got[c * 15 + a * 5 + b] == x.values[a * 35 + b * 7 + c];
  h.expect("copy, transposing, " + describe({TENON_PRODUCTION, dtype}), same);
}

void check_embedding(Harness& h, const Setting& s) {
  for (int64_t width : {24, 13}) {
    Tensor table = h.random({9, width}, s.dtype), ids = h.make({4}, TENON_I32, {8, 0, 3, 3}),
           out = h.result({4, width}, s.dtype);
    h.run(h.api().embedding, s.mode, {ids.device, table.device, out.device});
    Values want;
    for (double id : ids.values)
      want.insert(want.end(), table.values.begin() + int64_t(id) * width,
                  table.values.begin() + (int64_t(id) + 1) * width);
    h.expect("embedding of width " + std::to_string(width) + ", " + describe(s), h.read(out) == want);
  }
}

void check_pairs(Harness& h, const Setting& s, int64_t n) {
  Tensor x = h.random({n}, s.dtype, 4), y = h.random({n}, s.dtype), out = h.result({n}, s.dtype);
  Values want(n);
  for (int activation = TENON_IDENTITY; activation <= TENON_RELU; ++activation) {
    std::string label =
        std::string(" ").append(std::to_string(activation)).append(" of ").append(std::to_string(n));
    h.run(h.api().activation, s.mode, {x.device, out.device, activation});
    for (int64_t i = 0; i < n; ++i) want[i] = activate_reference(activation, x.values[i]);
    h.expect_near("activation" + label, out, want, s);
    h.run(h.api().act_mul, s.mode, {x.device, y.device, out.device, activation});
    for (int64_t i = 0; i < n; ++i) want[i] *= y.values[i];
    h.expect_near("act_mul" + label, out, want, s);
  }
  h.run(h.api().add, s.mode, {x.device, y.device, out.device});
  for (int64_t i = 0; i < n; ++i) want[i] = x.values[i] + y.values[i];
  h.expect_near("add of " + std::to_string(n), out, want, s);
  h.run(h.api().mul, s.mode, {x.device, y.device, out.device});
  for (int64_t i = 0; i < n; ++i) want[i] = x.values[i] * y.values[i];
  h.expect_near("mul of " + std::to_string(n), out, want, s);
}

void check_halves(Harness& h, const Setting& s, int64_t columns, bool interleaved) {
  int64_t rows = 5;
  Tensor x = h.random({rows, 2 * columns}, s.dtype, 3), out = h.result({rows, columns}, s.dtype);
  h.run(h.api().act_mul_halves, s.mode, {x.device, out.device, TENON_SILU, interleaved});
  Values want(rows * columns);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) {
      const double* row = &x.values[2 * i * columns];
      double gate = row[interleaved ? 2 * j : j], up = row[interleaved ? 2 * j + 1 : columns + j];
      want[i * columns + j] = activate_reference(TENON_SILU, gate) * up;
    }
  h.expect_near("act_mul_halves of " + std::to_string(columns) + (interleaved ? ", interleaved" : ""), out,
                want, s);
}

void check_layer_norm(Harness& h, const Setting& s, int64_t rows, int64_t n) {
  Tensor x = h.random({rows, n}, s.dtype), weight = h.random({n}, s.dtype), bias = h.random({n}, s.dtype),
         out = h.result({rows, n}, s.dtype);
  h.run(h.api().layer_norm, s.mode, {x.device, weight.device, bias.device, out.device, 1e-5, 0});
  Values want(rows * n);
  for (int64_t i = 0; i < rows; ++i) {
    double mean = 0, variance = 0;
    for (int64_t j = 0; j < n; ++j) mean += x.values[i * n + j] / static_cast<double>(n);
    for (int64_t j = 0; j < n; ++j)
      variance += std::pow(x.values[i * n + j] - mean, 2) / static_cast<double>(n);
    for (int64_t j = 0; j < n; ++j)
      want[i * n + j] =
          (x.values[i * n + j] - mean) / std::sqrt(variance + 1e-5) * weight.values[j] + bias.values[j];
  }
  h.expect_near("layer_norm [" + std::to_string(rows) + ", " + std::to_string(n) + "]", out, want, s);
}

}  // namespace

void test_elementwise(Harness& h) {
  check_cast(h);
  for (int dtype : {TENON_F64, TENON_F32, TENON_BF16}) check_copy(h, dtype);
  for (const Setting& s : kSettings) {
    check_embedding(h, s);
    for (int64_t n : {1, 257, 4096}) check_pairs(h, s, n);
    check_halves(h, s, 136, false);
    check_halves(h, s, 136, true);
    check_halves(h, s, 61, false);
    h.release();
  }
}

void test_norms(Harness& h) {
  for (const Setting& s : kSettings)
    for (auto [rows, n] : {std::pair<int64_t, int64_t>{1, 4096}, {3, 200}, {257, 129}}) {
      std::string label =
          std::string("[").append(std::to_string(rows)).append(", ").append(std::to_string(n)).append("]");
      Tensor x = h.random({rows, n}, s.dtype, 5), weight = h.random({n}, s.dtype),
             out = h.result({rows, n}, s.dtype);
      h.run(h.api().rms_norm, s.mode, {x.device, weight.device, {}, out.device, 1e-6, 1});
      h.expect_near("rms_norm " + label, out, rms_norm_reference(x.values, weight.values, rows, n, 1e-6, 1),
                    s);
      h.run(h.api().rms_norm, s.mode, {x.device, {}, {}, out.device, 1e-6, 1});
      h.expect_near("rms_norm, no weight " + label, out, rms_norm_reference(x.values, {}, rows, n, 1e-6, 1),
                    s);
      check_layer_norm(h, s, rows, n);
      h.release();
    }
}
