// Attention with grouped KV heads, causal or not, optionally within a window: softmax(scale q k^T) v.
//
// This is the plain form, for FP64, FP32 and the fixed order, and for head widths that attention_flash.cu has
// no kernel for. One block a query row and head; its S scores stay in shared memory. Bytes: k and v once per
// query row, from the L2 cache. FLOPs: 4 S D per row and head. The limit that binds is the L2 cache's
// bandwidth. Each dot product is one fixed tree over 32 lanes, each output one sum in ascending key.
#include "kernels/element.cuh"
#include "kernels/operators.h"

namespace tenon::cuda {

bool flash_attention_fits(const Context&, const tenon_attention_args&);
void flash_attention(Context&, const tenon_attention_args&);

namespace {

struct Attention {
  Operand q, k, v, out;
  int heads, kv_heads, width;
  int64_t queries, keys, window;
  double scale;
  bool causal, absolute;
};

template <class Acc>
__device__ Acc block_max(Acc value) {
  __shared__ Acc partial[32];
  for (int offset = 16; offset; offset /= 2) value = fmax(value, __shfl_xor_sync(~0u, value, offset));
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
  __syncthreads();
  for (int warp = 0; warp < static_cast<int>(blockDim.x / 32); ++warp) value = fmax(value, partial[warp]);
  __syncthreads();
  return value;
}

template <class Acc>
__global__ void attention_kernel(Attention a) {
  extern __shared__ double shared[];
  Acc* scores = reinterpret_cast<Acc*>(shared);
  int64_t query = blockIdx.x;
  int head = blockIdx.y, kv_head = head / (a.heads / a.kv_heads), lane = threadIdx.x % 32;
  int64_t place = query + a.keys - a.queries, end = a.causal ? place + 1 : a.keys;
  int64_t begin = a.window > 0 ? max(int64_t{0}, place + 1 - a.window) : 0;
  int64_t q = (query * a.heads + head) * a.width;

  Acc largest = -INFINITY;
  for (int64_t key = begin + threadIdx.x / 32; key < end; key += blockDim.x / 32) {
    int64_t k = (key * a.kv_heads + kv_head) * a.width;
    Acc dot = 0;
    for (int d = lane; d < a.width; d += 32) dot = fma(load<Acc>(a.q, q + d), load<Acc>(a.k, k + d), dot);
    for (int offset = 16; offset; offset /= 2) dot += __shfl_xor_sync(~0u, dot, offset);
    dot *= static_cast<Acc>(a.scale);
    if (lane == 0) scores[key - begin] = dot;
    largest = fmax(largest, dot);
  }
  largest = block_max(largest);
  Acc sum = 0;
  for (int64_t i = threadIdx.x; i < end - begin; i += blockDim.x) sum += scores[i] = exp(scores[i] - largest);
  sum = block_sum(sum);

  for (int d = threadIdx.x; d < a.width; d += blockDim.x) {
    Acc total = 0;
    for (int64_t key = begin; key < end; ++key) {
      Acc v = load<Acc>(a.v, (key * a.kv_heads + kv_head) * a.width + d);
      total = fma(scores[key - begin], a.absolute ? fabs(v) : v, total);
    }
    store(a.out, q + d, total / sum);
  }
}

}  // namespace

void attention(Context& context, int mode, const tenon_attention_args& a) {
  require(a.q.rank == 3 && a.k.rank == 3 && count(a.v) == count(a.k) && count(a.out) == count(a.q),
          "attention: q is [T, heads, D], k and v are [S, kv_heads, D]");
  require(a.q.shape[2] == a.k.shape[2] && a.k.shape[1] > 0 && a.q.shape[1] % a.k.shape[1] == 0,
          "attention: the heads of q and k do not fit");
  require(!a.causal || a.k.shape[0] >= a.q.shape[0], "attention: causal, with more queries than keys");
  require(a.window >= 0 && (a.window == 0 || a.causal), "attention: a window is for causal attention");
  if (count(a.q) == 0) return;
  if (mode == TENON_PRODUCTION && flash_attention_fits(context, a)) return flash_attention(context, a);
  Attention kernel_args{operand(a.q),
                        operand(a.k),
                        operand(a.v),
                        operand(a.out),
                        static_cast<int>(a.q.shape[1]),
                        static_cast<int>(a.k.shape[1]),
                        static_cast<int>(a.q.shape[2]),
                        a.q.shape[0],
                        a.k.shape[0],
                        a.window,
                        a.scale,
                        a.causal != 0,
                        a.absolute != 0};
  bool reference = mode == TENON_REFERENCE;
  int64_t seen = a.window > 0 ? std::min(a.window, a.k.shape[0]) : a.k.shape[0];
  // Up to a multiple of 16, as the compiler reads scores in words of 16 bytes.
  size_t shared = (seen * (reference ? sizeof(double) : sizeof(float)) + 15) / 16 * 16;
  require(shared <= context.shared_memory - 1024,
          "attention: too many keys for the scores to fit in shared memory");
  auto kernel = reference ? attention_kernel<double> : attention_kernel<float>;
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)),
        "attention");
  dim3 grid(static_cast<unsigned>(a.q.shape[0]), static_cast<unsigned>(a.q.shape[1]));
  kernel<<<grid, 128, shared, context.stream>>>(kernel_args);
  check_launch("attention");
}

}  // namespace tenon::cuda
