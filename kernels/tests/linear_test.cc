// linear and rms_norm_linear: tokens on both sides of each kernel's range, K and N that fit no tile, odd K
// and N that only the library takes, biases, transposed weights, sums of absolute values, and the fixed
// order.
#include <cmath>

#include "kernels/tests/harness.h"

namespace {

struct Case {
  int64_t rows, n, k;
};
const Case kCases[] = {{1, 136, 200}, {3, 130, 129}, {64, 264, 1096}, {257, 136, 200}};

std::string name(const char* what, const Case& c) {
  return std::string(what) + " [" + std::to_string(c.rows) + ", " + std::to_string(c.k) + "] x " +
         std::to_string(c.n);
}

void check_linear(Harness& h, const Case& c, const Setting& s) {
  Tensor x = h.random({c.rows, c.k}, s.dtype), weight = h.random({c.n, c.k}, s.dtype),
         bias = h.random({c.n}, s.dtype);
  Tensor out = h.result({c.rows, c.n}, s.dtype);
  h.run(h.api().linear, s.mode, {x.device, weight.device, bias.device, out.device, 0, 0});
  Values want = linear_reference(x.values, weight.values, bias.values, c.rows, c.n, c.k);
  h.expect_near(name("linear", c), out, want, s);

  Values turned(c.n * c.k);
  for (int64_t i = 0; i < c.n; ++i)
    for (int64_t j = 0; j < c.k; ++j) turned[j * c.n + i] = weight.values[i * c.k + j];
  Tensor transposed = h.make({c.k, c.n}, s.dtype, turned), again = h.result({c.rows, c.n}, s.dtype);
  h.run(h.api().linear, s.mode, {x.device, transposed.device, bias.device, again.device, 1, 0});
  h.expect_near(name("linear, transposed weight", c), again, want, s);
  if (s.mode != TENON_PRODUCTION)
    h.expect_same_bits(name("linear, transposed weight", c) + ", " + describe(s), again, out);
}

void check_absolute(Harness& h, const Case& c, const Setting& s) {
  Tensor x = h.random({c.rows, c.k}, s.dtype), weight = h.random({c.n, c.k}, s.dtype),
         bias = h.random({c.n}, s.dtype);
  Tensor out = h.result({c.rows, c.n}, TENON_F64);
  h.run(h.api().linear, s.mode, {x.device, weight.device, bias.device, out.device, 0, 1});
  Values values[3] = {x.values, weight.values, bias.values};
  for (Values& list : values)
    for (double& value : list) value = std::fabs(value);
  h.expect_near(name("linear of absolute values", c), out,
                linear_reference(values[0], values[1], values[2], c.rows, c.n, c.k),
                {s.mode, s.mode == TENON_REFERENCE ? TENON_F64 : TENON_F32});
}

// FP64 sums over weights as the checkpoint keeps them.
void check_mixed(Harness& h, const Case& c) {
  Tensor x = h.random({c.rows, c.k}, TENON_F64), weight = h.random({c.n, c.k}, TENON_BF16),
         out = h.result({c.rows, c.n}, TENON_F64);
  h.run(h.api().linear, TENON_REFERENCE, {x.device, weight.device, {}, out.device, 0, 0});
  h.expect_near(name("linear, BF16 weight", c), out,
                linear_reference(x.values, weight.values, {}, c.rows, c.n, c.k),
                {TENON_REFERENCE, TENON_F64});
}

// The fixed order is ascending k, one fused multiply-add each: exactly what this loop does.
void check_order(Harness& h, const Case& c) {
  Tensor x = h.random({c.rows, c.k}, TENON_F32), weight = h.random({c.n, c.k}, TENON_F32),
         out = h.result({c.rows, c.n}, TENON_F32);
  h.run(h.api().linear, TENON_FIXED_ORDER, {x.device, weight.device, {}, out.device, 0, 0});
  Values want(c.rows * c.n);
  for (int64_t i = 0; i < c.rows; ++i)
    for (int64_t j = 0; j < c.n; ++j) {
      float sum = 0;
      for (int64_t l = 0; l < c.k; ++l)
        sum = std::fmaf(static_cast<float>(x.values[i * c.k + l]),
                        static_cast<float>(weight.values[j * c.k + l]), sum);
      want[i * c.n + j] = sum;
    }
  h.expect(name("linear in the fixed order", c), h.read(out) == want, "bit for bit with the CPU's loop");
}

void check_norm_linear(Harness& h, const Case& c, const Setting& s) {
  Tensor x = h.random({c.rows, c.k}, s.dtype, 3), norm = h.random({c.k}, s.dtype),
         weight = h.random({c.n, c.k}, s.dtype);
  Tensor bias = h.random({c.n}, s.dtype), out = h.result({c.rows, c.n}, s.dtype);
  for (double offset : {0.0, 1.0}) {
    h.run(h.api().rms_norm_linear, s.mode,
          {x.device, norm.device, weight.device, bias.device, out.device, 1e-5, offset});
    Values normal = rms_norm_reference(x.values, norm.values, c.rows, c.k, 1e-5, offset);
    h.expect_near(name("rms_norm_linear", c), out,
                  linear_reference(normal, weight.values, bias.values, c.rows, c.n, c.k), s, 2);
  }
}

}  // namespace

void test_linears(Harness& h) {
  for (const Case& c : kCases)
    for (const Setting& s : kSettings) {
      check_linear(h, c, s);
      check_norm_linear(h, c, s);
      if (s.mode != TENON_PRODUCTION) check_absolute(h, c, s);
      h.release();
    }
  for (const Case& c : kCases) {
    check_mixed(h, c);
    check_order(h, c);
  }
}
