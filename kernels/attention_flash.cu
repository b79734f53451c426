// Attention in BF16 and FP16 for heads of 64 and 128 channels, on the tensor cores, without writing the
// scores down.
//
// Bytes: q and the result once; k and v once per 64 query rows, mostly from the L2 cache. FLOPs: 4 S D per
// row and head, half of that when causal. The limit that binds is the matrix rate, held back by the
// exponentials and by waiting for each tile of k and v (two copies are in flight; nothing else is hidden).
//
//   4 warps, each with 16 query rows:       k, v tiles: 64 keys x D, two stages each; rows are padded by
//     q   [16 x D]   registers              16 bytes, so that the eight rows of an 8 x 8 matrix fall on
//     s = q k^T [16 x 64]  registers        different banks
//     running maximum, sum and output [16 x D]  registers, rescaled when a tile raises the maximum
//
// The exponent is taken in base 2 of scores already multiplied by scale * log2(e). P is rounded to the
// inputs' dtype before it meets v, as every flash attention does; the row's sum is that of the unrounded P.
#include "kernels/element.cuh"
#include "kernels/matrix.cuh"
#include "kernels/operators.h"

namespace tenon::cuda {

bool flash_attention_fits(const Context&, const tenon_attention_args&);
void flash_attention(Context&, const tenon_attention_args&);

namespace {

constexpr int kTile = 64;

struct Flash {
  const void *q, *k, *v;
  void* out;
  int heads, kv_heads, queries, keys, window;
  float scale;  // times log2(e)
  bool causal;
};

__device__ __forceinline__ void copy16(void* to, const void* from, bool inside) {
  uint32_t address = static_cast<uint32_t>(__cvta_generic_to_shared(to));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(from), "r"(inside ? 16 : 0)
               : "memory");
}

// Rows [first, first + 64) of one head of a [rows, heads, D] tensor, zeros past the last row.
template <class T, int kWidth>
__device__ __forceinline__ void copy_tile(T* to, const void* from, int first, int rows, int heads, int head) {
  for (int i = threadIdx.x; i < kTile * kWidth / 8; i += 128) {
    int row = i / (kWidth / 8), column = i % (kWidth / 8) * 8;
    bool inside = first + row < rows;
    const T* source =
        static_cast<const T*>(from) + (int64_t{inside ? first + row : 0} * heads + head) * kWidth + column;
    copy16(to + row * (kWidth + 8) + column, source, inside);
  }
}

template <class T>
__device__ __forceinline__ uint32_t pack(float x, float y) {
  T both[2];
  narrow(both[0], x), narrow(both[1], y);
  return *reinterpret_cast<uint32_t*>(both);
}

// Scores of one tile: s = q k^T, scaled, -infinity where the row may not look. Lane (g, t) has rows g and g
// + 8.
template <class T, int kWidth>
__device__ __forceinline__ void scores(const Flash& f, const uint32_t (&q)[kWidth / 16][4], const T* k,
                                       int key0, int row0, float (&s)[8][4]) {
  int lane = threadIdx.x % 32, t = lane % 4;
#pragma unroll
  for (int n = 0; n < 8; ++n) {
    s[n][0] = s[n][1] = s[n][2] = s[n][3] = 0;
#pragma unroll
    for (int d = 0; d < kWidth / 32; ++d) {
      uint32_t b[4];
      load_matrices(b, k + (8 * n + lane % 8) * (kWidth + 8) + 32 * d + lane / 8 * 8);
      multiply<T>(s[n], q[2 * d][0], q[2 * d][1], q[2 * d][2], q[2 * d][3], b[0], b[1]);
      multiply<T>(s[n], q[2 * d + 1][0], q[2 * d + 1][1], q[2 * d + 1][2], q[2 * d + 1][3], b[2], b[3]);
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      int key = key0 + 8 * n + 2 * t + i % 2, place = row0 + i / 2 * 8 + f.keys - f.queries;
      bool seen = key < f.keys && (!f.causal || key <= place) && (f.window == 0 || key > place - f.window);
      s[n][i] = seen ? s[n][i] * f.scale : -INFINITY;
    }
  }
}

// out = out * exp2(old maximum - new) + P v, and the running maximum and sum.
template <class T, int kWidth>
__device__ __forceinline__ void accumulate(float (&s)[8][4], const T* v, float (&out)[kWidth / 8][4],
                                           float (&largest)[2], float (&sum)[2]) {
  int lane = threadIdx.x % 32;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float top = largest[half];
#pragma unroll
    for (int n = 0; n < 8; ++n) top = fmaxf(top, fmaxf(s[n][2 * half], s[n][2 * half + 1]));
    top = fmaxf(top, __shfl_xor_sync(~0u, top, 1));
    top = fmaxf(top, __shfl_xor_sync(~0u, top, 2));
    float base = top == -INFINITY ? 0 : top, shrink = exp2f(largest[half] - base);
    largest[half] = top;
    sum[half] *= shrink;
#pragma unroll
    for (int d = 0; d < kWidth / 8; ++d) out[d][2 * half] *= shrink, out[d][2 * half + 1] *= shrink;
#pragma unroll
    for (int n = 0; n < 8; ++n)
#pragma unroll
      for (int i = 2 * half; i < 2 * half + 2; ++i) sum[half] += s[n][i] = exp2f(s[n][i] - base);
  }
#pragma unroll
  for (int n = 0; n < 4; ++n) {
    uint32_t p[4] = {pack<T>(s[2 * n][0], s[2 * n][1]), pack<T>(s[2 * n][2], s[2 * n][3]),
                     pack<T>(s[2 * n + 1][0], s[2 * n + 1][1]), pack<T>(s[2 * n + 1][2], s[2 * n + 1][3])};
#pragma unroll
    for (int d = 0; d < kWidth / 16; ++d) {
      uint32_t b[4];
      load_matrices_transposed(b, v + (16 * n + lane % 16) * (kWidth + 8) + 16 * d + lane / 16 * 8);
      multiply<T>(out[2 * d], p[0], p[1], p[2], p[3], b[0], b[1]);
      multiply<T>(out[2 * d + 1], p[0], p[1], p[2], p[3], b[2], b[3]);
    }
  }
}

template <class T, int kWidth>
__global__ void __launch_bounds__(128) flash_kernel(Flash f) {
  extern __shared__ __align__(16) char shared[];
  constexpr int kSize = kTile * (kWidth + 8);
  T *k = reinterpret_cast<T*>(shared), *v = k + 2 * kSize;
  int head = blockIdx.y, kv_head = head / (f.heads / f.kv_heads), lane = threadIdx.x % 32;
  int block0 = (gridDim.x - 1 - blockIdx.x) * kTile,
      row0 = block0 + threadIdx.x / 32 * 16;  // the longest rows first

  copy_tile<T, kWidth>(k, f.q, block0, f.queries, f.heads, head);
  asm volatile("cp.async.wait_all;" ::: "memory");
  __syncthreads();
  uint32_t q[kWidth / 16][4];
  for (int d = 0; d < kWidth / 16; ++d)
    load_matrices(q[d], k + (threadIdx.x / 32 * 16 + lane % 16) * (kWidth + 8) + 16 * d + lane / 16 * 8);
  __syncthreads();

  int end = f.causal ? min(f.keys, block0 + kTile + f.keys - f.queries) : f.keys;
  int begin = f.window > 0 ? max(0, block0 + f.keys - f.queries + 1 - f.window) / kTile * kTile : 0;
  auto fetch = [&](int key0, int stage) {
    if (key0 < end) {
      copy_tile<T, kWidth>(k + stage * kSize, f.k, key0, f.keys, f.kv_heads, kv_head);
      copy_tile<T, kWidth>(v + stage * kSize, f.v, key0, f.keys, f.kv_heads, kv_head);
    }
    asm volatile("cp.async.commit_group;" ::: "memory");
  };
  float out[kWidth / 8][4] = {}, largest[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0};
  fetch(begin, 0);
  for (int key0 = begin, stage = 0; key0 < end; key0 += kTile, stage ^= 1) {
    fetch(key0 + kTile, stage ^ 1);
    asm volatile("cp.async.wait_group 1;" ::: "memory");
    __syncthreads();
    float s[8][4];
    scores<T, kWidth>(f, q, k + stage * kSize, key0, row0 + lane / 4, s);
    accumulate<T, kWidth>(s, v + stage * kSize, out, largest, sum);
    __syncthreads();
  }
  for (int half = 0; half < 2; ++half) {
    float total = sum[half] + __shfl_xor_sync(~0u, sum[half], 1);
    total += __shfl_xor_sync(~0u, total, 2);
    int row = row0 + lane / 4 + 8 * half;
    if (row >= f.queries) continue;
    T* to = static_cast<T*>(f.out) + (int64_t{row} * f.heads + head) * kWidth + 2 * (lane % 4);
    for (int d = 0; d < kWidth / 8; ++d)
      *reinterpret_cast<uint32_t*>(to + 8 * d) =
          pack<T>(out[d][2 * half] / total, out[d][2 * half + 1] / total);
  }
}

template <class T, int kWidth>
void launch(Context& context, const Flash& f) {
  auto kernel = flash_kernel<T, kWidth>;
  int shared = 4 * kTile * (kWidth + 8) * sizeof(T);
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared), "flash attention");
  kernel<<<dim3(blocks_for(f.queries, kTile), f.heads), 128, shared, context.stream>>>(f);
  check_launch("flash attention");
}

}  // namespace

bool flash_attention_fits(const Context& context, const tenon_attention_args& a) {
  int64_t width = a.q.shape[2];
  int dtype = a.q.dtype;
  return context.compute >= 80 && (dtype == TENON_BF16 || dtype == TENON_F16) && a.k.dtype == dtype &&
         a.v.dtype == dtype && a.out.dtype == dtype && (width == 64 || width == 128) && !a.absolute &&
         packs_of_8(a.q, width) && packs_of_8(a.k, width) && packs_of_8(a.v, width) &&
         packs_of_8(a.out, width) && a.k.shape[0] < (1 << 30);
}

void flash_attention(Context& context, const tenon_attention_args& a) {
  Flash f{a.q.data,
          a.k.data,
          a.v.data,
          a.out.data,
          static_cast<int>(a.q.shape[1]),
          static_cast<int>(a.k.shape[1]),
          static_cast<int>(a.q.shape[0]),
          static_cast<int>(a.k.shape[0]),
          static_cast<int>(a.window),
          static_cast<float>(a.scale * 1.44269504088896340736),
          a.causal != 0};
  bool bf16 = a.q.dtype == TENON_BF16, wide = a.q.shape[2] == 128;
  auto run = bf16 ? (wide ? launch<__nv_bfloat16, 128> : launch<__nv_bfloat16, 64>)
                  : (wide ? launch<__half, 128> : launch<__half, 64>);
  run(context, f);
}

}  // namespace tenon::cuda
