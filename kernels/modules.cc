// Operations made of others: which kernels serve a linear, an MLP or a set of experts in each mode.
//
// In the reference and fixed-order modes a fused operation is the sequence it replaces, each step rounded to
// the operands' dtype as the original's is, so that equal sums give equal bits. In production it takes the
// fused kernels.
#include "kernels/operators.h"

namespace tenon::cuda {
namespace {

// Below, a dense product has fewer tiles than the GPU has multiprocessors, and cuBLASLt, which splits K, is
// faster even with the activation as a kernel of its own (docs/benchmarks/kernels-h200.md).
constexpr int64_t kHopperTokens = 33;

void check_linear(const tenon_linear_args& a) {
  require(a.x.rank == 2 && a.weight.rank == 2 && a.out.rank == 2,
          "linear: x, weight and result have two axes");
  int64_t n = a.weight.shape[a.transposed ? 1 : 0], k = a.weight.shape[a.transposed ? 0 : 1];
  require(a.x.shape[1] == k && a.out.shape[1] == n && a.out.shape[0] == a.x.shape[0],
          "linear: x, weight and result do not fit");
  require(!a.bias.data || count(a.bias) == n, "linear: the bias does not fit");
}

struct Mlp {
  tenon_tensor x, gate_up, gate_up_bias, down, down_bias, out;
  int activation;
  bool interleaved, transposed;
};

// act(x gate^T) * (x up^T): one kernel where a fused one fits, else the product and the activation after it.
void gate_up(Context& context, int mode, const Mlp& m, const tenon_tensor& hidden) {
  FusedLinear fused{m.x, m.gate_up, m.gate_up_bias, hidden};
  fused.gated = true, fused.activation = m.activation;
  bool plain = mode != TENON_PRODUCTION || m.interleaved || m.transposed;
  if (!plain && decode_linear_fits(context, fused)) return decode_linear(context, fused);
  if (!plain && m.x.shape[0] >= kHopperTokens && hopper_linear_fits(context, fused))
    return hopper_linear(context, fused);
  tenon_tensor both = temporary(context, m.out.dtype, m.x.shape[0], 2 * hidden.shape[1]);
  linear(context, mode, {m.x, m.gate_up, m.gate_up_bias, both, m.transposed, 0});
  act_mul_halves(context, mode, {both, hidden, m.activation, m.interleaved});
}

// A linear that need not be cuBLASLt's: at few tokens it is the decode kernel.
void quick_linear(Context& context, int mode, const tenon_linear_args& a) {
  FusedLinear fused{a.x, a.weight, a.bias, a.out};
  if (mode == TENON_PRODUCTION && !a.transposed && decode_linear_fits(context, fused))
    return decode_linear(context, fused);
  linear(context, mode, a);
}

void run_mlp(Context& context, int mode, const Mlp& m) {
  int64_t inner = m.down.shape[m.transposed ? 0 : 1];
  require(m.gate_up.rank == 2 && m.gate_up.shape[m.transposed ? 1 : 0] == 2 * inner,
          "gated_mlp: gate_up is not twice as wide as down");
  tenon_tensor hidden = temporary(context, m.out.dtype, m.x.shape[0], inner);
  gate_up(context, mode, m, hidden);
  quick_linear(context, mode, {hidden, m.down, m.down_bias, m.out, m.transposed, 0});
}

// Calls body(expert, first row, rows) for every expert that has rows. Waits for the device to learn how many.
template <class Body>
void for_each_expert(Context& context, const ExpertRows& rows, Body body) {
  std::vector<int> offsets(rows.experts + 1);
  check(cudaMemcpyAsync(offsets.data(), rows.offsets, offsets.size() * sizeof(int), cudaMemcpyDeviceToHost,
                        context.stream),
        "experts' offsets");
  check(cudaStreamSynchronize(context.stream), "experts' offsets");
  for (int e = 0; e < rows.experts; ++e)
    if (offsets[e + 1] > offsets[e]) body(e, offsets[e], offsets[e + 1] - offsets[e]);
}

void check_experts(const tenon_tensor& x, const tenon_tensor& indices, const tenon_tensor& weights,
                   const tenon_tensor& out) {
  require(x.rank == 2 && indices.rank == 2 && indices.dtype == TENON_I32 && weights.rank == 2,
          "experts: x [T, H], I32 indices [T, k]");
  require(indices.shape[0] == x.shape[0] && count(weights) == count(indices) && indices.shape[1] > 0 &&
              out.rank == 2 && count(out) == count(x),
          "experts: indices, weights or the result do not fit x");
}

}  // namespace

void linear(Context& context, int mode, const tenon_linear_args& a) {
  check_linear(a);
  if (mode == TENON_PRODUCTION)
    library_linear(context, a);
  else
    ordered_linear(context, mode, a);
}

void gated_mlp(Context& context, int mode, const tenon_gated_mlp_args& a) {
  run_mlp(
      context, mode,
      {a.x, a.gate_up, a.gate_up_bias, a.down, a.down_bias, a.out, a.activation, a.interleaved != 0, false});
}

void rms_norm_linear(Context& context, int mode, const tenon_rms_norm_linear_args& a) {
  check_linear({a.x, a.weight, a.bias, a.out, 0, 0});
  tenon_tensor normal = temporary(context, a.out.dtype, a.x.shape[0], a.x.shape[1]);
  rms_norm(context, mode, {a.x, a.norm, {}, normal, a.epsilon, a.weight_offset});
  quick_linear(context, mode, {normal, a.weight, a.bias, a.out, 0, 0});
}

void rms_norm_mlp(Context& context, int mode, const tenon_rms_norm_mlp_args& a) {
  const tenon_gated_mlp_args& m = a.mlp;
  require(m.x.rank == 2, "rms_norm_mlp: x has two axes");
  tenon_tensor normal = temporary(context, m.out.dtype, m.x.shape[0], m.x.shape[1]);
  rms_norm(context, mode, {m.x, a.norm, {}, normal, a.epsilon, a.weight_offset});
  tenon_gated_mlp_args rest = m;
  rest.x = normal;
  gated_mlp(context, mode, rest);
}

void experts(Context& context, int mode, const tenon_experts_args& a) {
  check_experts(a.x, a.indices, a.weights, a.out);
  ExpertRows rows = sort_by_expert(context, a.indices, a.count);
  tenon_tensor sorted = temporary(context, a.x.dtype, rows.rows, a.x.shape[1]);
  gather_rows(context, rows.order, static_cast<int>(a.indices.shape[1]), a.x, sorted);
  tenon_tensor y = temporary(context, a.out.dtype, rows.rows, a.x.shape[1]);
  int64_t inner = a.gate[0].shape[0];
  tenon_tensor gate = temporary(context, a.out.dtype, rows.rows, inner),
               up = temporary(context, a.out.dtype, rows.rows, inner);
  for_each_expert(context, rows, [&](int e, int first, int n) {
    tenon_tensor x = row_range(sorted, first, n), g = row_range(gate, first, n), u = row_range(up, first, n);
    linear(context, mode, {x, a.gate[e], {}, g, 0, 0});
    linear(context, mode, {x, a.up[e], {}, u, 0, 0});
    act_mul(context, mode, {g, u, g, a.activation});
    linear(context, mode, {g, a.down[e], {}, row_range(y, first, n), 0, 0});
  });
  combine_experts(context, mode, rows, a.weights, y, a.out);
}

void grouped_experts(Context& context, int mode, const tenon_grouped_experts_args& a) {
  check_experts(a.x, a.indices, a.weights, a.out);
  require(a.gate_up.rank == 3 && a.down.rank == 3 && a.gate_up.shape[0] == a.down.shape[0],
          "grouped_experts: stacks of three axes");
  int64_t hidden = a.x.shape[1], inner = a.down.shape[a.transposed ? 1 : 2];
  require(count(a.down) == a.down.shape[0] * hidden * inner && count(a.gate_up) == 2 * count(a.down) &&
              a.gate_up.shape[a.transposed ? 1 : 2] == hidden,
          "grouped_experts: gate_up, down and x do not fit");
  ExpertRows rows = sort_by_expert(context, a.indices, static_cast<int>(a.down.shape[0]));
  tenon_tensor sorted = temporary(context, a.x.dtype, rows.rows, hidden);
  gather_rows(context, rows.order, static_cast<int>(a.indices.shape[1]), a.x, sorted);
  tenon_tensor y = temporary(context, a.out.dtype, rows.rows, hidden);
  tenon_tensor between = temporary(context, a.out.dtype, rows.rows, inner);
  FusedLinear up{sorted, a.gate_up, {}, between}, down{between, a.down, {}, y};
  up.gated = true, up.activation = a.activation;
  bool plain = mode != TENON_PRODUCTION || a.interleaved || a.transposed;
  if (!plain && hopper_linear_fits(context, up) && hopper_linear_fits(context, down)) {
    hopper_linear(context, up, &rows);
    hopper_linear(context, down, &rows);
  } else {
    for_each_expert(context, rows, [&](int e, int first, int n) {
      Mlp mlp{row_range(sorted, first, n),
              slice(a.gate_up, e),
              {},
              slice(a.down, e),
              {},
              row_range(y, first, n),
              a.activation,
              a.interleaved != 0,
              a.transposed != 0};
      run_mlp(context, mode, mlp);
    });
  }
  combine_experts(context, mode, rows, a.weights, y, a.out);
}

void patch_linear(Context& context, int mode, const tenon_patch_linear_args& a) {
  require(a.x.rank == 5 && a.weight.rank == 2, "patch_linear: x has five axes, the weight two");
  const int64_t* size = a.x.shape;
  int64_t places[3], pixels = a.patch[0] * a.patch[1] * a.patch[2];
  for (int axis = 0; axis < 3; ++axis) {
    require(a.patch[axis] > 0 && size[2 + axis] >= a.patch[axis], "patch_linear: the patch does not fit x");
    places[axis] = size[2 + axis] / a.patch[axis];
  }
  require(a.weight.shape[1] == size[1] * pixels, "patch_linear: the weight does not fit the patches");
  tenon_tensor patches =
      temporary(context, a.x.dtype, size[0] * places[0] * places[1] * places[2], a.weight.shape[1]);
  int64_t row = size[4], plane = size[3] * row, volume = size[2] * plane, wide = a.weight.shape[1];
  copy(context, mode,
       {a.x,
        patches,
        8,
        {size[0], places[0], places[1], places[2], size[1], a.patch[0], a.patch[1], a.patch[2]},
        {size[1] * volume, a.patch[0] * plane, a.patch[1] * row, a.patch[2], volume, plane, row, 1},
        {places[0] * places[1] * places[2] * wide, places[1] * places[2] * wide, places[2] * wide, wide,
         pixels, a.patch[1] * a.patch[2], a.patch[2], 1},
        0,
        0});
  quick_linear(context, mode, {patches, a.weight, a.bias, a.out, 0, 0});
}

}  // namespace tenon::cuda
