// Elements of any float dtype, converted as they are loaded and stored. The dtype is a run-time value, the
// same for all threads, so one kernel serves every dtype: what is paid is a uniform branch per access, what
// is saved is compile time.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "kernels/context.h"

namespace tenon::cuda {

struct Operand {
  void* data;
  int dtype;
};

inline Operand operand(const tenon_tensor& tensor) {
  return {tensor.data, tensor.dtype};
}

template <class Acc>
__device__ __forceinline__ Acc load(Operand from, int64_t i) {
  switch (from.dtype) {
    case TENON_F64:
      return static_cast<Acc>(static_cast<const double*>(from.data)[i]);
    case TENON_F32:
      return static_cast<Acc>(static_cast<const float*>(from.data)[i]);
    case TENON_F16:
      return static_cast<Acc>(__half2float(static_cast<const __half*>(from.data)[i]));
    default:
      return static_cast<Acc>(__bfloat162float(static_cast<const __nv_bfloat16*>(from.data)[i]));
  }
}

__device__ __forceinline__ __half to_half(float value) {
  return __float2half_rn(value);
}
__device__ __forceinline__ __half to_half(double value) {
  return __double2half(value);
}
__device__ __forceinline__ __nv_bfloat16 to_bfloat16(float value) {
  return __float2bfloat16_rn(value);
}
__device__ __forceinline__ __nv_bfloat16 to_bfloat16(double value) {
  return __double2bfloat16(value);
}

template <class Acc>
__device__ __forceinline__ void store(Operand to, int64_t i, Acc value) {
  switch (to.dtype) {
    case TENON_F64:
      static_cast<double*>(to.data)[i] = value;
      break;
    case TENON_F32:
      static_cast<float*>(to.data)[i] = static_cast<float>(value);
      break;
    case TENON_F16:
      static_cast<__half*>(to.data)[i] = to_half(value);
      break;
    default:
      static_cast<__nv_bfloat16*>(to.data)[i] = to_bfloat16(value);
  }
}

__device__ __forceinline__ double widen(double value) {
  return value;
}
__device__ __forceinline__ float widen(float value) {
  return value;
}
__device__ __forceinline__ float widen(__half value) {
  return __half2float(value);
}
__device__ __forceinline__ float widen(__nv_bfloat16 value) {
  return __bfloat162float(value);
}

template <class T, class Acc>
__device__ __forceinline__ void load8(const T* from, Acc (&values)[8]) {
  alignas(16) T packed[8];
#pragma unroll
  for (size_t word = 0; word < sizeof(packed) / 16; ++word)
    reinterpret_cast<uint4*>(packed)[word] = reinterpret_cast<const uint4*>(from)[word];
#pragma unroll
  for (int j = 0; j < 8; ++j) values[j] = static_cast<Acc>(widen(packed[j]));
}

// Eight consecutive elements from 8 * i on, in 16-byte accesses; the address must be a multiple of 16 bytes.
template <class Acc>
__device__ __forceinline__ void load8(Operand from, int64_t i, Acc (&values)[8]) {
  switch (from.dtype) {
    case TENON_F64:
      load8(static_cast<const double*>(from.data) + 8 * i, values);
      break;
    case TENON_F32:
      load8(static_cast<const float*>(from.data) + 8 * i, values);
      break;
    case TENON_F16:
      load8(static_cast<const __half*>(from.data) + 8 * i, values);
      break;
    default:
      load8(static_cast<const __nv_bfloat16*>(from.data) + 8 * i, values);
  }
}

__device__ __forceinline__ void narrow(double& to, double value) {
  to = value;
}
__device__ __forceinline__ void narrow(float& to, double value) {
  to = static_cast<float>(value);
}
template <class Acc>
__device__ __forceinline__ void narrow(__half& to, Acc value) {
  to = to_half(value);
}
template <class Acc>
__device__ __forceinline__ void narrow(__nv_bfloat16& to, Acc value) {
  to = to_bfloat16(value);
}

template <class T, class Acc>
__device__ __forceinline__ void store8(T* to, const Acc (&values)[8]) {
  alignas(16) T packed[8];
#pragma unroll
  for (int j = 0; j < 8; ++j) narrow(packed[j], values[j]);
#pragma unroll
  for (size_t word = 0; word < sizeof(packed) / 16; ++word)
    reinterpret_cast<uint4*>(to)[word] = reinterpret_cast<const uint4*>(packed)[word];
}

template <class Acc>
__device__ __forceinline__ void store8(Operand to, int64_t i, const Acc (&values)[8]) {
  switch (to.dtype) {
    case TENON_F64:
      store8(static_cast<double*>(to.data) + 8 * i, values);
      break;
    case TENON_F32:
      store8(static_cast<float*>(to.data) + 8 * i, values);
      break;
    case TENON_F16:
      store8(static_cast<__half*>(to.data) + 8 * i, values);
      break;
    default:
      store8(static_cast<__nv_bfloat16*>(to.data) + 8 * i, values);
  }
}

// Whether rows of `columns` elements can be read by load8.
inline bool packs_of_8(const tenon_tensor& tensor, int64_t columns) {
  return columns % 8 == 0 && reinterpret_cast<uintptr_t>(tensor.data) % 16 == 0;
}

// exp(-|x|) keeps both branches free of overflow: x <= -89 gives the tiny value, not 0 by way of infinity.
template <class Acc>
__device__ __forceinline__ Acc sigmoid(Acc x) {
  Acc e = exp(-fabs(x));
  return (x >= 0 ? Acc(1) : e) / (Acc(1) + e);
}

// 1 + tanh(z) = 2 sigmoid(2 z), which loses nothing where tanh(z) is near -1; nor does erfc in place of 1 +
// erf.
template <class Acc>
__device__ __forceinline__ Acc gelu_tanh_twice(Acc x) {
  return Acc(1.5957691216057307117) * (x + Acc(0.044715) * x * x * x);
}

template <class Acc>
__device__ __forceinline__ Acc activate(int activation, Acc x) {
  switch (activation) {
    case TENON_SILU:
      return x * sigmoid(x);
    case TENON_GELU:
      return Acc(0.5) * x * erfc(x * Acc(-0.70710678118654752440));
    case TENON_GELU_TANH:
      return x * sigmoid(gelu_tanh_twice(x));
    case TENON_RELU:
      return x > 0 ? x : x != x ? x : Acc(0);
    default:
      return x;
  }
}

// Sums over a block of at most 1024 threads in one fixed tree; every thread receives the sum.
template <class Acc>
__device__ Acc block_sum(Acc value) {
  __shared__ Acc partial[32];
  for (int offset = 16; offset; offset /= 2) value += __shfl_xor_sync(~0u, value, offset);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
  __syncthreads();
  value = threadIdx.x % 32 < blockDim.x / 32 ? partial[threadIdx.x % 32] : Acc(0);
  for (int offset = 16; offset; offset /= 2) value += __shfl_xor_sync(~0u, value, offset);
  __syncthreads();
  return value;
}

inline int blocks_for(int64_t threads, int block = 256) {
  return static_cast<int>((threads + block - 1) / block);
}

}  // namespace tenon::cuda
