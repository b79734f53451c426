// Hopper's instructions as functions: barriers in shared memory, the bulk tensor copy engine, warpgroup
// matrix products. For code built for sm_90a.
#pragma once

#include <cuda.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <type_traits>

namespace tenon::cuda {

__device__ __forceinline__ uint32_t shared_address(const void* data) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(data));
}

__device__ __forceinline__ void barrier_init(uint64_t* barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(arrivals)
               : "memory");
}

__device__ __forceinline__ void barrier_arrive(uint64_t* barrier) {
  asm volatile("mbarrier.arrive.release.cta.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier))
               : "memory");
}

// Arrives, and makes the phase wait for `bytes` bytes of copies as well.
__device__ __forceinline__ void barrier_expect(uint64_t* barrier, uint32_t bytes) {
  asm volatile(
      "mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)),
      "r"(bytes)
      : "memory");
}

// Waits for the end of the phase of the given parity.
__device__ __forceinline__ void barrier_wait(uint64_t* barrier, uint32_t parity) {
  asm volatile(
      "{\n"
      ".reg .pred done;\n"
      "again:\n"
      "mbarrier.try_wait.parity.acquire.cta.shared::cta.b64 done, [%0], %1;\n"
      "@done bra over;\n"
      "bra again;\n"
      "over:\n"
      "}\n" ::"r"(shared_address(barrier)),
      "r"(parity)
      : "memory");
}

// Copies the map's box at (column, row) to shared memory; what lies outside the tensor becomes zeros.
__device__ __forceinline__ void copy_box(void* to, const CUtensorMap* map, int column, int row,
                                         uint64_t* barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4}], "
      "[%2];" ::"r"(shared_address(to)),
      "l"(map), "r"(shared_address(barrier)), "r"(column), "r"(row)
      : "memory");
}

// A matrix in shared memory, 64 elements of K a row (128 bytes, swizzled by the copy engine over groups of 8
// rows).
__device__ __forceinline__ uint64_t matrix_descriptor(const void* data) {
  constexpr uint64_t kGroupBytes = 1024, kSwizzle128 = 1;
  return ((shared_address(data) & 0x3ffff) >> 4) | uint64_t{1} << 16 | (kGroupBytes >> 4) << 32 |
         kSwizzle128 << 62;
}

__device__ __forceinline__ void products_begin() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
__device__ __forceinline__ void products_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
template <int kPending>
__device__ __forceinline__ void products_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}

#define TENON_SUM16(i)                                                                                    \
  "+f"(sum[i]), "+f"(sum[i + 1]), "+f"(sum[i + 2]), "+f"(sum[i + 3]), "+f"(sum[i + 4]), "+f"(sum[i + 5]), \
      "+f"(sum[i + 6]), "+f"(sum[i + 7]), "+f"(sum[i + 8]), "+f"(sum[i + 9]), "+f"(sum[i + 10]),          \
      "+f"(sum[i + 11]), "+f"(sum[i + 12]), "+f"(sum[i + 13]), "+f"(sum[i + 14]), "+f"(sum[i + 15])

#define TENON_PRODUCT(dtype)                                                                                 \
  asm volatile(                                                                                              \
      "{\n.reg .pred add;\nsetp.ne.b32 add, %130, 0;\n"                                                      \
      "wgmma.mma_async.sync.aligned.m64n256k16.f32." dtype "." dtype                                         \
      " {"                                                                                                   \
      "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%"  \
      "27,"                                                                                                  \
      "%28,%29,%30,%31,%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52," \
      "%53,"                                                                                                 \
      "%54,%55,%56,%57,%58,%59,%60,%61,%62,%63,%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78," \
      "%79,"                                                                                                 \
      "%80,%81,%82,%83,%84,%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95,%96,%97,%98,%99,%100,%101,%102,%103," \
      "%104,"                                                                                                \
      "%105,%106,%107,%108,%109,%110,%111,%112,%113,%114,%115,%116,%117,%118,%119,%120,%121,%122,%123,%124," \
      "%125,"                                                                                                \
      "%126,%127}, %128, %129, add, 1, 1, 0, 0;\n}\n"                                                        \
      : TENON_SUM16(0), TENON_SUM16(16), TENON_SUM16(32), TENON_SUM16(48), TENON_SUM16(64), TENON_SUM16(80), \
        TENON_SUM16(96), TENON_SUM16(112)                                                                    \
      : "l"(a), "l"(b), "r"(add))

// sum [64 x 256] = a [64 x 16] b [256 x 16]^T, + sum if add. Lane (g, t) of warp w holds rows 16 w + g and 16
// w + g + 8: sum[4 j + i] is row g + 8 (i / 2), column 8 j + 2 t + i % 2.
template <class T>
__device__ __forceinline__ void product(float (&sum)[128], uint64_t a, uint64_t b, int add) {
  if constexpr (std::is_same_v<T, __half>)
    TENON_PRODUCT("f16");
  else
    TENON_PRODUCT("bf16");
}

#undef TENON_PRODUCT
#undef TENON_SUM16

}  // namespace tenon::cuda
