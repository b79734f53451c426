// RMSNorm and LayerNorm over the rows of [T, H].
//
// Bytes: x once from memory (its second reading hits the cache), the result once, the weight once per
// multiprocessor. FLOPs: about 4 per element. The limit that binds is memory bandwidth; at few tokens, the
// latency of one block's two passes. The sums are taken in one fixed tree for a given H, so that the
// fixed-order mode uses the same kernel.
#include "kernels/element.cuh"
#include "kernels/operators.h"

namespace tenon::cuda {
namespace {

struct Norm {
  Operand x, weight, bias, out;  // weight and bias may be absent
  int64_t columns;
  double epsilon, weight_offset;
  bool centred, packed;
};

template <class Acc>
__device__ __forceinline__ Acc normalise(const Norm& n, Acc x, Acc mean, Acc scale, Acc weight, Acc bias) {
  return (x - mean) * scale * (weight + static_cast<Acc>(n.weight_offset)) + bias;
}

// Visits the row's elements, eight at a time where it can: body(values, first element, how many).
template <class Acc, class Body>
__device__ __forceinline__ void for_row(const Norm& n, Body body) {
  int64_t row = blockIdx.x;
  Acc values[8];
  if (n.packed) {
    for (int64_t i = threadIdx.x; i < n.columns / 8; i += blockDim.x) {
      load8(n.x, row * (n.columns / 8) + i, values);
      body(values, 8 * i, 8);
    }
  } else {
    for (int64_t i = threadIdx.x; i < n.columns; i += blockDim.x) {
      values[0] = load<Acc>(n.x, row * n.columns + i);
      body(values, i, 1);
    }
  }
}

template <class Acc>
__global__ void norm_kernel(Norm n) {
  int64_t row = blockIdx.x;
  Acc mean = 0, sum = 0;
  if (n.centred) {
    for_row<Acc>(n, [&](Acc(&x)[8], int64_t, int width) {
#pragma unroll
      for (int j = 0; j < 8; ++j)
        if (j < width) sum += x[j];
    });
    mean = block_sum(sum) / static_cast<Acc>(n.columns);
  }
  Acc squares = 0;
  for_row<Acc>(n, [&](Acc(&x)[8], int64_t, int width) {
#pragma unroll
    for (int j = 0; j < 8; ++j)
      if (j < width) squares += (x[j] - mean) * (x[j] - mean);
  });
  Acc variance = block_sum(squares) / static_cast<Acc>(n.columns);
  Acc scale = Acc(1) / sqrt(variance + static_cast<Acc>(n.epsilon));

  for_row<Acc>(n, [&](Acc(&x)[8], int64_t first, int width) {
    Acc weight[8], bias[8];
#pragma unroll
    for (int j = 0; j < 8; ++j) weight[j] = 1 - static_cast<Acc>(n.weight_offset), bias[j] = 0;
    if (width == 8) {
      if (n.weight.data) load8(n.weight, first / 8, weight);
      if (n.bias.data) load8(n.bias, first / 8, bias);
#pragma unroll
      for (int j = 0; j < 8; ++j) x[j] = normalise(n, x[j], mean, scale, weight[j], bias[j]);
      store8(n.out, (row * n.columns + first) / 8, x);
    } else {
      if (n.weight.data) weight[0] = load<Acc>(n.weight, first);
      if (n.bias.data) bias[0] = load<Acc>(n.bias, first);
      store(n.out, row * n.columns + first, normalise(n, x[0], mean, scale, weight[0], bias[0]));
    }
  });
}

void run(Context& context, int mode, const tenon_rms_norm_args& a, bool centred) {
  require(a.x.rank >= 1 && count(a.out) == count(a.x), "norm: the result's shape is not x's");
  int64_t columns = a.x.shape[a.x.rank - 1], rows = columns ? count(a.x) / columns : 0;
  require(!a.weight.data || count(a.weight) == columns, "norm: the weight does not fit the rows");
  require(!a.bias.data || count(a.bias) == columns, "norm: the bias does not fit the rows");
  if (rows == 0) return;
  bool packed = packs_of_8(a.x, columns) && packs_of_8(a.out, columns) && packs_of_8(a.weight, columns) &&
                packs_of_8(a.bias, columns);
  Norm norm{operand(a.x), operand(a.weight), operand(a.bias), operand(a.out), columns,
            a.epsilon,    a.weight_offset,   centred,         packed};
  auto kernel = mode == TENON_REFERENCE ? norm_kernel<double> : norm_kernel<float>;
  int threads = columns > 2048 ? 512 : 128;
  kernel<<<static_cast<unsigned>(rows), threads, 0, context.stream>>>(norm);
  check_launch("norm");
}

}  // namespace

void rms_norm(Context& context, int mode, const tenon_rms_norm_args& a) {
  require(!a.bias.data, "rms_norm: has no bias");
  run(context, mode, a, false);
}

void layer_norm(Context& context, int mode, const tenon_layer_norm_args& a) {
  run(context, mode, a, true);
}

}  // namespace tenon::cuda
