// gated_mlp and rms_norm_mlp: each production kernel's range of tokens, widths that fit no tile, and the
// fixed order, in which the fused MLP must give the bits of the separate linears.
#include "kernels/tests/harness.h"

namespace {

struct Case {
  int64_t rows, hidden, inner;
};
const Case kCases[] = {{1, 200, 136},  {3, 1096, 72},   {13, 256, 520},
                       {64, 264, 200}, {257, 520, 392}, {300, 129, 33}};

std::string name(const char* what, const Case& c) {
  return std::string(what) + " " + std::to_string(c.rows) + " x " + std::to_string(c.hidden) + " x " +
         std::to_string(c.inner);
}

struct Weights {
  Tensor gate, up, gate_up, interleaved, down;
};

Weights make_weights(Harness& h, const Case& c, int dtype) {
  Weights w;
  w.gate = h.random({c.inner, c.hidden}, dtype, 0.1), w.up = h.random({c.inner, c.hidden}, dtype, 0.1);
  w.down = h.random({c.hidden, c.inner}, dtype, 0.1);
  Values halves = w.gate.values, pairs;
  halves.insert(halves.end(), w.up.values.begin(), w.up.values.end());
  for (int64_t i = 0; i < c.inner; ++i)
    for (const Tensor* part : {&w.gate, &w.up})
      pairs.insert(pairs.end(), part->values.begin() + i * c.hidden,
                   part->values.begin() + (i + 1) * c.hidden);
  w.gate_up = h.make({2 * c.inner, c.hidden}, dtype, halves);
  w.interleaved = h.make({2 * c.inner, c.hidden}, dtype, pairs);
  return w;
}

void check_gated(Harness& h, const Case& c, const Setting& s, int activation) {
  Weights w = make_weights(h, c, s.dtype);
  Tensor x = h.random({c.rows, c.hidden}, s.dtype), out = h.result({c.rows, c.hidden}, s.dtype);
  Values want =
      mlp_reference(x.values, w.gate_up.values, w.down.values, c.rows, c.hidden, c.inner, activation);
  h.run(h.api().gated_mlp, s.mode,
        {x.device, w.gate_up.device, {}, w.down.device, {}, out.device, activation, 0});
  h.expect_near(name("gated_mlp", c), out, want, s, 3);

  Tensor gate = h.result({c.rows, c.inner}, s.dtype), up = h.result({c.rows, c.inner}, s.dtype),
         y = h.result({c.rows, c.hidden}, s.dtype);
  h.run(h.api().linear, s.mode, {x.device, w.gate.device, {}, gate.device, 0, 0});
  h.run(h.api().linear, s.mode, {x.device, w.up.device, {}, up.device, 0, 0});
  h.run(h.api().act_mul, s.mode, {gate.device, up.device, gate.device, activation});
  h.run(h.api().linear, s.mode, {gate.device, w.down.device, {}, y.device, 0, 0});
  h.expect_near(name("gate, up, down", c), y, want, s, 3);
  if (s.mode != TENON_PRODUCTION) h.expect_same_bits(name("gated_mlp", c) + ", " + describe(s), out, y);

  Tensor other = h.result({c.rows, c.hidden}, s.dtype);
  h.run(h.api().gated_mlp, s.mode,
        {x.device, w.interleaved.device, {}, w.down.device, {}, other.device, activation, 1});
  h.expect_near(name("gated_mlp, interleaved", c), other, want, s, 3);
}

void check_biases(Harness& h, const Case& c, const Setting& s) {
  Weights w = make_weights(h, c, s.dtype);
  Tensor x = h.random({c.rows, c.hidden}, s.dtype), out = h.result({c.rows, c.hidden}, s.dtype);
  Tensor bias = h.random({2 * c.inner}, s.dtype), down_bias = h.random({c.hidden}, s.dtype);
  h.run(
      h.api().gated_mlp, s.mode,
      {x.device, w.gate_up.device, bias.device, w.down.device, down_bias.device, out.device, TENON_SILU, 0});
  Values both = linear_reference(x.values, w.gate_up.values, bias.values, c.rows, 2 * c.inner, c.hidden),
         between;
  for (int64_t i = 0; i < c.rows; ++i)
    for (int64_t j = 0; j < c.inner; ++j)
      between.push_back(activate_reference(TENON_SILU, both[i * 2 * c.inner + j]) *
                        both[i * 2 * c.inner + c.inner + j]);
  h.expect_near(name("gated_mlp with biases", c), out,
                linear_reference(between, w.down.values, down_bias.values, c.rows, c.hidden, c.inner), s, 3);
}

void check_norm(Harness& h, const Case& c, const Setting& s) {
  Weights w = make_weights(h, c, s.dtype);
  Tensor x = h.random({c.rows, c.hidden}, s.dtype, 4), norm = h.random({c.hidden}, s.dtype),
         out = h.result({c.rows, c.hidden}, s.dtype);
  h.run(h.api().rms_norm_mlp, s.mode,
        {{x.device, w.gate_up.device, {}, w.down.device, {}, out.device, TENON_GELU_TANH, 0},
         norm.device,
         1e-6,
         1});
  Values normal = rms_norm_reference(x.values, norm.values, c.rows, c.hidden, 1e-6, 1);
  h.expect_near(
      name("rms_norm_mlp", c), out,
      mlp_reference(normal, w.gate_up.values, w.down.values, c.rows, c.hidden, c.inner, TENON_GELU_TANH), s,
      4);
}

}  // namespace

void test_mlps(Harness& h) {
  for (const Setting& s : kSettings) {
    int activation = TENON_IDENTITY;
    for (const Case& c : kCases) {
      check_gated(h, c, s, activation = activation % 4 + 1);
      check_biases(h, c, s);
      check_norm(h, c, s);
      h.release();
    }
  }
}
