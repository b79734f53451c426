// FP64 references of the operations that several tests share.
#include <cmath>
#include <thread>

#include "kernels/tests/harness.h"

Values linear_reference(const Values& x, const Values& weight, const Values& bias, int64_t rows, int64_t n,
                        int64_t k) {
  Values out(rows * n);
  auto columns = [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; ++j)
      for (int64_t i = 0; i < rows; ++i) {
        double sum[4] = {bias.empty() ? 0 : bias[j]};
        for (int64_t l = 0; l < k; ++l) sum[l % 4] += x[i * k + l] * weight[j * k + l];
        out[i * n + j] = sum[0] + sum[1] + sum[2] + sum[3];
      }
  };
  int threads = 8;
  std::vector<std::jthread> workers;
  for (int t = 0; t < threads; ++t) workers.emplace_back(columns, n * t / threads, n * (t + 1) / threads);
  workers.clear();
  return out;
}

double activate_reference(int activation, double x) {
  switch (activation) {
    case TENON_SILU:
      return x / (1 + std::exp(-x));
    case TENON_GELU:
      return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    case TENON_GELU_TANH:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case TENON_RELU:
      return x > 0 ? x : 0;
    default:
      return x;
  }
}

Values mlp_reference(const Values& x, const Values& gate_up, const Values& down, int64_t rows, int64_t hidden,
                     int64_t inner, int activation, bool interleaved) {
  Values both = linear_reference(x, gate_up, {}, rows, 2 * inner, hidden), between(rows * inner);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < inner; ++j) {
      const double* row = &both[i * 2 * inner];
      double gate = row[interleaved ? 2 * j : j], up = row[interleaved ? 2 * j + 1 : inner + j];
      between[i * inner + j] = activate_reference(activation, gate) * up;
    }
  return linear_reference(between, down, {}, rows, hidden, inner);
}

Values rms_norm_reference(const Values& x, const Values& weight, int64_t rows, int64_t n, double epsilon,
                          double offset) {
  Values out(rows * n);
  for (int64_t i = 0; i < rows; ++i) {
    double squares = 0;
    for (int64_t j = 0; j < n; ++j) squares += x[i * n + j] * x[i * n + j];
    double scale = 1 / std::sqrt(squares / static_cast<double>(n) + epsilon);
    for (int64_t j = 0; j < n; ++j)
      out[i * n + j] = x[i * n + j] * scale * (weight.empty() ? 1 : weight[j] + offset);
  }
  return out;
}
