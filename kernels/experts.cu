// Sorting tokens by expert, and joining the experts' outputs; the products between them are in modules.cc.
//
// Bytes: sorting reads the T k indices once per expert (from the cache); joining reads k rows of H per token
// and writes one. FLOPs: 2 k per element of the result. The limit that binds is memory bandwidth when
// joining, latency when sorting. Both are deterministic: pairs keep their order within an expert, and a
// token's k rows are summed in ascending choice.
#include "kernels/element.cuh"
#include "kernels/operators.h"

namespace tenon::cuda {
namespace {

constexpr int kThreads = 256;

// Block e places expert e's pairs: after all pairs of lower experts, in ascending order.
__global__ void sort_kernel(const int* indices, int pairs, int experts, int* order, int* position,
                            int* offsets) {
  __shared__ int counts[kThreads / 32];
  int expert = blockIdx.x, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  int lower = 0;
  for (int i = threadIdx.x; i < pairs; i += kThreads) lower += indices[i] < expert;
  int next = block_sum(lower);
  if (threadIdx.x == 0) {
    offsets[expert] = next;
    if (expert == experts - 1) offsets[experts] = pairs;
  }
  for (int first = 0; first < pairs; first += kThreads) {
    int i = first + threadIdx.x;
    bool mine = i < pairs && indices[i] == expert;
    unsigned votes = __ballot_sync(~0u, mine);
    if (lane == 0) counts[warp] = __popc(votes);
    __syncthreads();
    int before = next, all = 0;
    for (int w = 0; w < kThreads / 32; ++w) {
      if (w < warp) before += counts[w];
      all += counts[w];
    }
    if (mine) {
      int place = before + __popc(votes & ((1u << lane) - 1));
      order[place] = i;
      position[i] = place;
    }
    next += all;
    __syncthreads();
  }
}

// One block; thread e lists expert e's tiles of 128 rows, after those of lower experts.
__global__ void tile_kernel(const int* offsets, int experts, int4* tiles, int* tile_count) {
  __shared__ int ends[1024];
  int e = threadIdx.x;
  int begin = e < experts ? offsets[e] : 0, end = e < experts ? offsets[e + 1] : 0,
      mine = (end - begin + 127) / 128;
  ends[e] = mine;
  __syncthreads();
  for (int reach = 1; reach < 1024; reach *= 2) {
    int before = e >= reach ? ends[e - reach] : 0;
    __syncthreads();
    ends[e] += before;
    __syncthreads();
  }
  for (int i = 0; i < mine; ++i) tiles[ends[e] - mine + i] = make_int4(e, begin + 128 * i, end, 0);
  if (e == 1023) *tile_count = ends[e];
}

template <class Acc>
__global__ void combine_kernel(Operand weights, const int* position, Operand y, Operand out, int chosen,
                               int64_t columns) {
  int64_t token = blockIdx.x;
  for (int64_t column = threadIdx.x; column < columns; column += blockDim.x) {
    Acc sum = 0;
    for (int j = 0; j < chosen; ++j) {
      int64_t pair = token * chosen + j;
      Acc part = position[pair] < 0 ? Acc(NAN) : load<Acc>(y, int64_t{position[pair]} * columns + column);
      sum = fma(load<Acc>(weights, pair), part, sum);
    }
    store(out, token * columns + column, sum);
  }
}

}  // namespace

ExpertRows sort_by_expert(Context& context, const tenon_tensor& indices, int experts) {
  ExpertRows rows;
  rows.experts = experts;
  rows.rows = count(indices);
  require(experts > 0 && experts <= 1024 && rows.rows < (1 << 30), "experts: at most 1024 of them");
  int pairs = static_cast<int>(rows.rows);
  int* order = static_cast<int*>(context.scratch.take(pairs * sizeof(int)));
  int* position = static_cast<int*>(context.scratch.take(pairs * sizeof(int)));
  // A pair whose expert does not exist has no place, and its token's result will be NaN.
  check(cudaMemsetAsync(order, 0xff, pairs * sizeof(int), context.stream), "sort by expert");
  check(cudaMemsetAsync(position, 0xff, pairs * sizeof(int), context.stream), "sort by expert");
  int* offsets = static_cast<int*>(context.scratch.take((experts + 1) * sizeof(int)));
  auto* tiles = static_cast<int4*>(context.scratch.take((pairs / 128 + experts + 1) * sizeof(int4)));
  int* tile_count = static_cast<int*>(context.scratch.take(sizeof(int)));
  sort_kernel<<<experts, kThreads, 0, context.stream>>>(static_cast<const int*>(indices.data), pairs, experts,
                                                        order, position, offsets);
  check_launch("sort by expert");
  tile_kernel<<<1, 1024, 0, context.stream>>>(offsets, experts, tiles, tile_count);
  check_launch("expert tiles");
  rows.order = order, rows.position = position, rows.offsets = offsets, rows.tiles = tiles,
  rows.tile_count = tile_count;
  return rows;
}

void combine_experts(Context& context, int mode, const ExpertRows& rows, const tenon_tensor& weights,
                     const tenon_tensor& y, const tenon_tensor& out) {
  int64_t tokens = weights.shape[0];
  if (tokens == 0) return;
  auto kernel = mode == TENON_REFERENCE ? combine_kernel<double> : combine_kernel<float>;
  kernel<<<static_cast<unsigned>(tokens), 256, 0, context.stream>>>(
      operand(weights), rows.position, operand(y), operand(out), static_cast<int>(weights.shape[1]),
      out.shape[1]);
  check_launch("combine experts");
}

}  // namespace tenon::cuda
