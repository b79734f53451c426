// Linears in BF16 and FP16 by Hopper's warpgroup matrix products (sm_90a): plain, over a gate_up weight with
// the activation in the epilogue, and either for the rows of many experts at once.
//
// Bytes: a tile of x and of the weight per 64 of K, 48 KiB for 2 x 128 x 256 x 64 FLOPs; from memory, each
// about once, as the tiles that run together share their weight and x. FLOPs: 2 T N K. The limit that binds
// is the tensor cores' rate from about 256 tokens on, memory bandwidth below.
//
//     one of 4 stages in shared memory, 64 of K:          the warps of a block:
//
//     plain: weight rows n, n + 128; gated: gate n, up n  0 - 3    producer, one thread copies
//     +----------128---------+----------128---------+     4 - 7    sums of rows 0 - 63, 64 x 256
//     |  first half of B     |  second half of B    |     8 - 11   sums of rows 64 - 127, 64 x 256
//     +----------------------+----------------------+
//     |  x rows 0 - 63, the first consumer's A      |     Each stage has a barrier "full" (its bytes
//     |  x rows 64 - 127, the second consumer's A   |     have arrived) and one "empty" (both
//     +---------------------------------------------+     consumers' products have read it).
//
// The two halves of B are neighbours in shared memory, so one instruction sums both; as gate and up sit in
// the same lane's registers, act(gate) * up needs no exchange, and the weight needs no interleaving. Blocks
// are persistent and walk the tiles so that 16 row tiles share one stripe of the weight in the L2 cache.
#include <cudaTypedefs.h>

#include "kernels/element.cuh"
#include "kernels/hopper.cuh"
#include "kernels/hopper_tile.cuh"
#include "kernels/operators.h"

namespace tenon::cuda {
namespace {

constexpr int kStep = 64, kStages = 4;
constexpr uint32_t kXBytes = kRows * kStep * 2, kHalfBytes = kHalf * kStep * 2,
                   kStageBytes = kXBytes + 2 * kHalfBytes;
constexpr size_t kShared =
    kStages * kStageBytes + 2 * kStages * sizeof(uint64_t) + 1024;  // 1024: to align the stages

struct Stages {
  char* data;
  uint64_t *full, *empty;
};

__device__ void produce(const Problem& p, const CUtensorMap* x, const CUtensorMap* weight,
                        const Stages& stages) {
  int stage = 0, phase = 0, tiles = tile_count(p);
  for (int index = blockIdx.x; index < tiles; index += gridDim.x) {
    Tile tile = tile_at(p, index);
    for (int k = 0; k < p.k; k += kStep) {
      barrier_wait(&stages.empty[stage], phase ^ 1);
      char* to = stages.data + stage * kStageBytes;
      barrier_expect(&stages.full[stage], kStageBytes);
      copy_box(to, x, k, tile.row, &stages.full[stage]);
      copy_box(to + kXBytes, weight, k, tile.weight_row, &stages.full[stage]);
      copy_box(to + kXBytes + kHalfBytes, weight, k, tile.weight_row + p.second, &stages.full[stage]);
      if (++stage == kStages) stage = 0, phase ^= 1;
    }
  }
}

template <class T>
__device__ void consume(const Problem& p, const Stages& stages, int consumer) {
  int stage = 0, phase = 0, tiles = tile_count(p);
  bool signals = threadIdx.x % 32 == 0;
  for (int index = blockIdx.x; index < tiles; index += gridDim.x) {
    Tile tile = tile_at(p, index);
    bool idle = tile.row + 64 * consumer >= tile.end;  // no row of this consumer's is wanted
    float sum[128];
    int before = -1;  // the stage whose products are still running
    for (int k = 0; k < p.k; k += kStep) {
      barrier_wait(&stages.full[stage], phase);
      if (!idle) {
        const char* a = stages.data + stage * kStageBytes + consumer * (kXBytes / 2);
        const char* b = stages.data + stage * kStageBytes + kXBytes;
        products_begin();
#pragma unroll
        for (int part = 0; part < kStep / 16; ++part)
          product<T>(sum, matrix_descriptor(a + 32 * part), matrix_descriptor(b + 32 * part),
                     k > 0 || part > 0);
        products_commit();
        products_wait<1>();
      }
      if (before >= 0 && signals) barrier_arrive(&stages.empty[before]);
      before = stage;
      if (++stage == kStages) stage = 0, phase ^= 1;
    }
    products_wait<0>();
    if (signals) barrier_arrive(&stages.empty[before]);
    if (!idle) finish_tile<T>(p, tile, consumer, sum);
  }
}

template <class T>
__global__ void __launch_bounds__(384, 1)
    hopper_kernel(const __grid_constant__ CUtensorMap x, const __grid_constant__ CUtensorMap weight,
                  Problem p) {
  extern __shared__ char raw[];
  Stages stages;
  stages.data = raw + (1024 - shared_address(raw) % 1024) % 1024;
  stages.full = reinterpret_cast<uint64_t*>(stages.data + kStages * kStageBytes);
  stages.empty = stages.full + kStages;
  if (threadIdx.x == 0) {
    for (int stage = 0; stage < kStages; ++stage) {
      barrier_init(&stages.full[stage], 1);
      barrier_init(&stages.empty[stage], 8);  // the consumers' warps
    }
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
  }
  __syncthreads();
  if (threadIdx.x < 128) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 40;");
    if (threadIdx.x == 0) produce(p, &x, &weight, stages);
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 232;");
    consume<T>(p, stages, threadIdx.x / 128 - 1);
  }
}

// The copy engine's view of a [rows, k] matrix: boxes of 128 rows by 64 of K.
CUtensorMap tensor_map(const tenon_tensor& matrix, int64_t rows, int64_t k) {
  static const auto encode = [] {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult found;
    check(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault,
                                           &found),
          "cuTensorMapEncodeTiled");
    if (found != cudaDriverEntryPointSuccess)
      throw Failure{TENON_CUDA_FAILED, "the driver has no cuTensorMapEncodeTiled"};
    return reinterpret_cast<PFN_cuTensorMapEncodeTiled_v12000>(function);
  }();
  CUtensorMap map;
  cuuint64_t sizes[2] = {static_cast<cuuint64_t>(k), static_cast<cuuint64_t>(rows)},
             strides[1] = {sizes[0] * 2};
  cuuint32_t box[2] = {kStep, kRows}, steps[2] = {1, 1};
  auto type = matrix.dtype == TENON_BF16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 : CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
  CUresult result = encode(&map, type, 2, matrix.data, sizes, strides, box, steps,
                           CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                           CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS)
    throw Failure{TENON_CUDA_FAILED, "cuTensorMapEncodeTiled: status " + std::to_string(result)};
  return map;
}

}  // namespace

bool hopper_linear_fits(const Context& context, const FusedLinear& a) {
  int64_t k = a.x.shape[1], n = a.out.shape[1];
  return context.compute == 90 && (a.x.dtype == TENON_BF16 || a.x.dtype == TENON_F16) &&
         a.weight.dtype == a.x.dtype && a.out.dtype == a.x.dtype &&
         (!a.bias.data || a.bias.dtype == a.x.dtype) && k > 0 && packs_of_8(a.x, k) &&
         packs_of_8(a.weight, k) && packs_of_8(a.out, n);
}

void hopper_linear(Context& context, const FusedLinear& a, const ExpertRows* groups) {
  int64_t rows = a.x.shape[0], k = a.x.shape[1], n = a.out.shape[1], weight_rows = count(a.weight) / k;
  require(rows < (1 << 30) && weight_rows < (int64_t{1} << 31) && k < (1 << 30),
          "linear: too large for the copy engine");
  if (rows == 0 || n == 0) return;
  Problem p{};
  p.bias = a.bias.data, p.out = a.out.data;
  p.rows = static_cast<int>(rows), p.n = static_cast<int>(n), p.k = static_cast<int>(k);
  p.gated = a.gated, p.activation = a.activation;
  p.row_tiles = blocks_for(rows, kRows), p.n_tiles = blocks_for(n, a.gated ? kHalf : 2 * kHalf);
  p.second = a.gated ? p.n : kHalf;
  p.expert_rows = a.gated ? 2 * p.n : p.n;
  int64_t most_row_tiles = p.row_tiles;
  if (groups) {
    p.tiles = groups->tiles, p.tile_count = groups->tile_count;
    most_row_tiles += groups->experts;
  }
  int blocks = static_cast<int>(std::min<int64_t>(context.multiprocessors, most_row_tiles * p.n_tiles));
  auto kernel = a.x.dtype == TENON_BF16 ? hopper_kernel<__nv_bfloat16> : hopper_kernel<__half>;
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(kShared)),
        "hopper linear");
  kernel<<<blocks, 384, kShared, context.stream>>>(tensor_map(a.x, rows, k),
                                                   tensor_map(a.weight, weight_rows, k), p);
  check_launch("hopper linear");
}

}  // namespace tenon::cuda
