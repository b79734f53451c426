// The output tiles of linear_hopper.cu: which tile a block works on, and what becomes of its sums: bias,
// activation, rounding, and stores of 16 bytes a lane, 64 a row.
#pragma once

#include "kernels/element.cuh"

namespace tenon::cuda {

constexpr int kRows = 128, kHalf = 128, kRowTilesTogether = 16;

struct Problem {
  const void* bias;
  void* out;
  int rows, n, k;  // n: columns of the result
  int row_tiles, n_tiles;
  int second;         // rows of the weight between the two halves of B
  int expert_rows;    // rows of the weight of one expert
  const int4* tiles;  // the experts' row tiles, or null
  const int* tile_count;
  bool gated;
  int activation;
};

struct Tile {
  int row, end, n, weight_row;
};

__device__ __forceinline__ int tile_count(const Problem& p) {
  return (p.tiles ? *p.tile_count : p.row_tiles) * p.n_tiles;
}

__device__ __forceinline__ Tile tile_at(const Problem& p, int index) {
  int row_tiles = p.tiles ? *p.tile_count : p.row_tiles;
  int band = index / (kRowTilesTogether * p.n_tiles), first = band * kRowTilesTogether;
  int height = min(kRowTilesTogether, row_tiles - first), within = index - first * p.n_tiles;
  int row_tile = first + within % height, n = within / height * (p.gated ? kHalf : 2 * kHalf);
  if (!p.tiles) return {row_tile * kRows, p.rows, n, n};
  int4 tile = p.tiles[row_tile];
  return {tile.y, tile.z, n, tile.x * p.expert_rows + n};
}

// By the fast exponential and reciprocal: relative error below 2^-16 for |x| < 88, far under the result's
// rounding.
__device__ __forceinline__ float sigmoid_fast(float x) {
  float e = __expf(-fabsf(x));
  return __fdividef(x >= 0 ? 1.0f : e, 1.0f + e);
}

template <int kActivation>
__device__ __forceinline__ float activate_fast(float x) {
  if constexpr (kActivation == TENON_SILU) return x * sigmoid_fast(x);
  if constexpr (kActivation == TENON_GELU_TANH) return x * sigmoid_fast(gelu_tanh_twice(x));
  return activate(kActivation, x);
}

// In a quad, lane t holds part t of four blocks of 8 columns; afterwards it holds all four parts of block t.
__device__ __forceinline__ void transpose_quad(uint32_t (&r)[4], int t) {
  for (int bit = 1; bit <= 2; bit *= 2)
    for (int i = 0; i < 4; ++i) {
      if (i & bit) continue;
      uint32_t got = __shfl_xor_sync(~0u, t & bit ? r[i] : r[i + bit], bit);
      (t & bit ? r[i] : r[i + bit]) = got;
    }
}

// Writes one row's columns [first, first + 128) of this lane's quad; values(j) are columns 8 j + 2 t and 8 j
// + 2 t + 1.
template <class T, class Values>
__device__ __forceinline__ void write_row(const Problem& p, int row, int first, int t, bool inside,
                                          Values values) {
  T* out = static_cast<T*>(p.out) + int64_t{row} * p.n;
#pragma unroll
  for (int j = 0; j < 16; j += 4) {
    uint32_t packed[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      float2 pair = values(j + i);
      T both[2];
      narrow(both[0], pair.x), narrow(both[1], pair.y);
      packed[i] = *reinterpret_cast<uint32_t*>(both);
    }
    transpose_quad(packed, t);
    int column = first + 8 * (j + t);
    if (inside && column < p.n)
      *reinterpret_cast<uint4*>(out + column) = make_uint4(packed[0], packed[1], packed[2], packed[3]);
  }
}

template <class T>
__device__ void add_bias(const Problem& p, const Tile& tile, float (&sum)[128]) {
  const T* bias = static_cast<const T*>(p.bias) + tile.weight_row - tile.n;
#pragma unroll
  for (int half = 0; half < 2; ++half)
#pragma unroll
    for (int j = 0; j < 16; ++j) {
      int column = tile.n + 8 * j + threadIdx.x % 4 * 2;
      const T* at = bias + column + half * p.second;
      if (column + (p.gated ? 0 : half * kHalf) >= p.n) continue;
      for (int i = 0; i < 4; ++i) sum[64 * half + 4 * j + i] += widen(at[i % 2]);
    }
}

// The choice of activation is made once a tile, not once an element: unrolled 64 times, the difference is 200
// KiB of code.
template <class T, int kActivation, bool kGated>
__device__ void write_tile(const Problem& p, const Tile& tile, int consumer, const float (&sum)[128]) {
  int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
#pragma unroll
  for (int low = 0; low < 2; ++low) {
    int row = tile.row + 64 * consumer + 16 * (threadIdx.x / 32 % 4) + g + 8 * low;
    bool inside = row < tile.end;
    auto at = [&](int half, int j) {
      return make_float2(sum[64 * half + 4 * j + 2 * low], sum[64 * half + 4 * j + 2 * low + 1]);
    };
    if constexpr (kGated) {
      write_row<T>(p, row, tile.n, t, inside, [&](int j) {
        float2 gate = at(0, j), up = at(1, j);
        return make_float2(activate_fast<kActivation>(gate.x) * up.x,
                           activate_fast<kActivation>(gate.y) * up.y);
      });
    } else {
      write_row<T>(p, row, tile.n, t, inside, [&](int j) { return at(0, j); });
      write_row<T>(p, row, tile.n + kHalf, t, inside, [&](int j) { return at(1, j); });
    }
  }
}

template <class T>
__device__ __forceinline__ void finish_tile(const Problem& p, const Tile& tile, int consumer,
                                            float (&sum)[128]) {
  if (p.bias) add_bias<T>(p, tile, sum);
  if (!p.gated) return write_tile<T, TENON_IDENTITY, false>(p, tile, consumer, sum);
  switch (p.activation) {
    case TENON_SILU:
      return write_tile<T, TENON_SILU, true>(p, tile, consumer, sum);
    case TENON_GELU:
      return write_tile<T, TENON_GELU, true>(p, tile, consumer, sum);
    case TENON_GELU_TANH:
      return write_tile<T, TENON_GELU_TANH, true>(p, tile, consumer, sum);
    case TENON_RELU:
      return write_tile<T, TENON_RELU, true>(p, tile, consumer, sum);
    default:
      return write_tile<T, TENON_IDENTITY, true>(p, tile, consumer, sum);
  }
}

}  // namespace tenon::cuda
