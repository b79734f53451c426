// Linears at 1 to 8 tokens in BF16 and FP16: plain, or over a gate_up weight with the activation in the
// epilogue.
//
// Bytes: the weight once; x is small and stays in the caches. FLOPs: 2 T N K, on the tensor cores. The limit
// that binds is memory bandwidth, so nothing is staged: each lane streams 16 bytes of a weight row at a time
// straight into matrix fragments. The weight is the left operand (16 rows of it), the tokens are the right
// one's 8 columns:
//
//            k: 32 a step, lane t of a quad takes 8 of them     tokens: 8
//          +--------+--------+--------+--------+                  +-----+
//   weight | t = 0  | t = 1  | t = 2  | t = 3  |  rows g, g + 8   |  x  |  column g, the same k in each lane
//   rows   +--------+--------+--------+--------+                  +-----+
//
// A product of 16 x 16 x 8 wants k in an order of its own, but any order serves as long as both sides use the
// same one: step s takes elements 4 s .. 4 s + 3 of each lane. The warps of a block share its 2 x 16 rows and
// split K; their partial sums meet in shared memory, in one fixed order.
#include "kernels/element.cuh"
#include "kernels/matrix.cuh"
#include "kernels/operators.h"

namespace tenon::cuda {
namespace {

struct Decode {
  const void *x, *weight;
  Operand bias, out;
  int tokens, n, k;  // n: columns of the result
  int second;        // the weight row that goes with row r is second + r: I when gated, else 16
  bool gated;
  int activation;
};

// Sums the warps' partials of each output, then writes act(gate) * up, or both plain rows.
__device__ void finish(const Decode& d, const float* partial, int warps, int row0) {
  for (int i = threadIdx.x; i < 16 * 8; i += blockDim.x) {
    int row = i / 8, token = i % 8;
    if (token >= d.tokens || row0 + row >= d.n) continue;
    float sums[2] = {0, 0};
    bool pair = d.gated || row0 + d.second + row < d.n;
    for (int half = 0; half < 2; ++half) {
      for (int warp = 0; warp < warps; ++warp)
        sums[half] += partial[((warp * 2 + half) * 16 + row) * 8 + token];
      if (d.bias.data && (half == 0 || pair)) sums[half] += load<float>(d.bias, row0 + half * d.second + row);
    }
    int64_t at = int64_t{token} * d.n + row0 + row;
    store(d.out, at, d.gated ? activate(d.activation, sums[0]) * sums[1] : sums[0]);
    if (!d.gated && pair) store(d.out, at + d.second, sums[1]);
  }
}

template <class T>
__global__ void __launch_bounds__(512) decode_kernel(Decode d) {
  extern __shared__ float partial[];  // [warp][half][16 rows][8 tokens]
  int warp = threadIdx.x / 32, warps = blockDim.x / 32, g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
  int row0 = blockIdx.x * (d.gated ? 16 : 32), last = (d.gated ? 2 * d.n : d.n) - 1;
  const T* rows[4];
  for (int i = 0; i < 4; ++i) {
    int row = row0 + (i / 2) * d.second + (i % 2) * 8 + g;
    rows[i] = static_cast<const T*>(d.weight) + int64_t{min(row, last)} * d.k;
  }
  const uint4 zero = make_uint4(0, 0, 0, 0);
  float sums[2][4] = {};
  for (int step = 64 * warp; step < d.k; step += 64 * warps) {
    uint4 w[2][4], x[2];  // two neighbouring steps, all of their loads on the way before the first is used
#pragma unroll
    for (int i = 0; i < 4; ++i)
#pragma unroll
      for (int part = 0; part < 2; ++part) {
        int k = step + 32 * part + 8 * t;
        w[part][i] = k < d.k ? load_once(rows[i] + k) : zero;
      }
#pragma unroll
    for (int part = 0; part < 2; ++part) {
      int k = step + 32 * part + 8 * t;
      const T* from = static_cast<const T*>(d.x) + int64_t{g} * d.k + k;
      x[part] = k < d.k && g < d.tokens ? *reinterpret_cast<const uint4*>(from) : zero;
    }
#pragma unroll
    for (int part = 0; part < 2; ++part)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const uint4 &low = w[part][2 * half], &high = w[part][2 * half + 1];
        multiply<T>(sums[half], low.x, high.x, low.y, high.y, x[part].x, x[part].y);
        multiply<T>(sums[half], low.z, high.z, low.w, high.w, x[part].z, x[part].w);
      }
  }
  for (int half = 0; half < 2; ++half)
    for (int i = 0; i < 4; ++i)
      partial[((warp * 2 + half) * 16 + g + 8 * (i / 2)) * 8 + 2 * t + i % 2] = sums[half][i];
  __syncthreads();
  finish(d, partial, warps, row0);
}

}  // namespace

bool decode_linear_fits(const Context& context, const FusedLinear& a) {
  int64_t k = a.x.shape[1];
  return context.compute >= 80 && a.x.shape[0] <= 8 && (a.x.dtype == TENON_BF16 || a.x.dtype == TENON_F16) &&
         a.weight.dtype == a.x.dtype && packs_of_8(a.x, k) && packs_of_8(a.weight, k) && k < (1 << 24) &&
         a.out.shape[1] < (1 << 24);
}

void decode_linear(Context& context, const FusedLinear& a) {
  Decode d{};
  d.x = a.x.data, d.weight = a.weight.data;
  d.bias = operand(a.bias), d.out = operand(a.out);
  d.tokens = static_cast<int>(a.x.shape[0]), d.n = static_cast<int>(a.out.shape[1]),
  d.k = static_cast<int>(a.x.shape[1]);
  d.second = a.gated ? d.n : 16;
  d.gated = a.gated, d.activation = a.activation;
  if (d.tokens == 0 || d.n == 0) return;
  int warps = d.gated ? 8 : 16;
  size_t shared = warps * 2 * 16 * 8 * sizeof(float);
  auto kernel = a.x.dtype == TENON_BF16 ? decode_kernel<__nv_bfloat16> : decode_kernel<__half>;
  kernel<<<blocks_for(d.n, d.gated ? 16 : 32), 32 * warps, shared, context.stream>>>(d);
  check_launch("decode linear");
}

}  // namespace tenon::cuda
