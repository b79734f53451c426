// linear and direct convolution with every output summed in one order: out[t, n] = bias[n] + sum_k x[t, k]
// weight[n, k], one fused multiply-add per k, k ascending, whatever the tiling. So two layouts of the same
// weights give the same bits, and a convolution, whose k runs over (channel, depth, height, width), gives
// those of its linear. In FP32 this is the fixed-order mode (and production's direct convolution), in FP64
// the reference.
//
// Bytes: x and the weight once per tile of 64 outputs, cached. FLOPs: 2 T N K. The limit that binds is the
// FP32 (FP64) multiply-add rate, held back by shared-memory reads: 8 loads feed 16 multiply-adds. The tile:
//
//              n: 64                       16 x 16 threads; thread (i, j) sums a 4 x 4 patch of outputs,
//          +---------+                     rows i + 16 r, columns j + 16 c.
//     t:   |         |   k advances by 16: both operands' 64 x 16 slabs are converted
//     64   |         |   to FP32 or FP64 as they are copied to shared memory.
//          +---------+
#include "kernels/element.cuh"
#include "kernels/operators.h"

namespace tenon::cuda {
namespace {

constexpr int kTile = 64, kStep = 16;

struct Matrix {
  Operand data;
  int64_t row_stride, column_stride;
};

// Where the left operand's element (row, k) stands, and the result's (row, n).
struct Rows {
  int64_t k;
  __device__ int64_t at(int64_t row, int64_t column) const { return row * k + column; }
  __device__ int64_t result(int64_t row, int64_t column, int64_t n) const { return row * n + column; }
};

// The same for a convolution's patches: row = (image, od, oh, ow), k = (channel, kd, kh, kw). -1 in the
// padding.
struct Patches {
  int channels, size[3], kernel[3], stride[3], padding[3], out[3];
  bool channels_last;

  __device__ int64_t at(int64_t row, int64_t column) const {
    int64_t offset = 0, pitch = 1;
    for (int axis = 2; axis >= 0; --axis) {
      int place = static_cast<int>(row % out[axis]) * stride[axis] - padding[axis] +
                  static_cast<int>(column % kernel[axis]);
      if (place < 0 || place >= size[axis]) return -1;
      offset += place * pitch;
      pitch *= size[axis];
      row /= out[axis];
      column /= kernel[axis];
    }
    return (row * channels + column) * pitch + offset;
  }
  __device__ int64_t result(int64_t row, int64_t column, int64_t n) const {
    if (channels_last) return row * n + column;
    int64_t places = int64_t{out[0]} * out[1] * out[2];
    return (row / places * n + column) * places + row % places;
  }
};

template <class Acc, class Source>
__global__ void __launch_bounds__(256)
    ordered_kernel(Operand x, Source source, Matrix weight, Operand bias, Operand out, int64_t rows,
                   int64_t n, int64_t k, bool absolute) {
  __shared__ Acc left[kStep][kTile + 1], right[kStep][kTile + 1];
  int64_t row0 = int64_t{blockIdx.x} * kTile, n0 = int64_t{blockIdx.y} * kTile;
  int i = threadIdx.x / 16, j = threadIdx.x % 16;
  Acc sum[4][4] = {};
  for (int64_t k0 = 0; k0 < k; k0 += kStep) {
    for (int slot = threadIdx.x; slot < kTile * kStep; slot += 256) {
      int at = slot / kStep;
      int64_t column = k0 + slot % kStep;
      Acc a = 0, b = 0;
      if (column < k && row0 + at < rows) {
        int64_t place = source.at(row0 + at, column);
        if (place >= 0) a = load<Acc>(x, place);
      }
      if (column < k && n0 + at < n)
        b = load<Acc>(weight.data, (n0 + at) * weight.row_stride + column * weight.column_stride);
      left[slot % kStep][at] = absolute ? fabs(a) : a;
      right[slot % kStep][at] = absolute ? fabs(b) : b;
    }
    __syncthreads();
#pragma unroll
    for (int step = 0; step < kStep; ++step) {
      Acc a[4], b[4];
#pragma unroll
      for (int r = 0; r < 4; ++r) a[r] = left[step][i + 16 * r], b[r] = right[step][j + 16 * r];
#pragma unroll
      for (int r = 0; r < 4; ++r)
#pragma unroll
        for (int c = 0; c < 4; ++c) sum[r][c] = fma(a[r], b[c], sum[r][c]);
    }
    __syncthreads();
  }
#pragma unroll
  for (int r = 0; r < 4; ++r)
#pragma unroll
    for (int c = 0; c < 4; ++c) {
      int64_t row = row0 + i + 16 * r, column = n0 + j + 16 * c;
      if (row >= rows || column >= n) continue;
      Acc offset = bias.data ? load<Acc>(bias, column) : Acc(0);
      store(out, source.result(row, column, n), sum[r][c] + (absolute ? fabs(offset) : offset));
    }
}

// The same for at most 16 rows, as a decoder's tokens or an expert's share of them are: 16 x 32 outputs a
// block, so that few outputs still fill the GPU, and 64 of k at a time, the next 64 on their way while these
// are summed. Thread (i, j) of 4 x 32 has rows 4 i .. 4 i + 3 of column j. The limit that binds is the
// latency of K / 64 steps.
constexpr int kFewRows = 16, kColumns = 32, kDeep = 64;

template <class Acc>
__global__ void __launch_bounds__(128) few_rows_kernel(Operand x, Matrix weight, Operand bias, Operand out,
                                                       int64_t rows, int64_t n, int64_t k, bool absolute) {
  __shared__ Acc left[kDeep][kFewRows + 1], right[kDeep][kColumns + 1];
  constexpr int kLeft = kDeep * kFewRows / 128, kRight = kDeep * kColumns / 128;
  int64_t n0 = int64_t{blockIdx.x} * kColumns;
  int i = threadIdx.x / 32, j = threadIdx.x % 32;
  bool along_k = weight.column_stride == 1;  // neighbouring threads read neighbouring elements of the weight
  auto place = [&](int slot) {
    return along_k ? make_int2(slot / kDeep, slot % kDeep) : make_int2(slot % kColumns, slot / kColumns);
  };
  Acc a[kLeft], b[kRight], sum[4] = {};
  auto fetch = [&](int64_t k0) {
#pragma unroll
    for (int s = 0; s < kLeft; ++s) {
      int slot = threadIdx.x + 128 * s;
      int64_t row = slot / kDeep, column = k0 + slot % kDeep;
      a[s] = row < rows && column < k ? load<Acc>(x, row * k + column) : Acc(0);
    }
#pragma unroll
    for (int s = 0; s < kRight; ++s) {
      int2 at = place(threadIdx.x + 128 * s);
      int64_t row = n0 + at.x, column = k0 + at.y;
      b[s] = row < n && column < k
                 ? load<Acc>(weight.data, row * weight.row_stride + column * weight.column_stride)
                 : Acc(0);
    }
  };
  fetch(0);
  for (int64_t k0 = 0; k0 < k; k0 += kDeep) {
    __syncthreads();
#pragma unroll
    for (int s = 0; s < kLeft; ++s) {
      int slot = threadIdx.x + 128 * s;
      left[slot % kDeep][slot / kDeep] = absolute ? fabs(a[s]) : a[s];
    }
#pragma unroll
    for (int s = 0; s < kRight; ++s) {
      int2 at = place(threadIdx.x + 128 * s);
      right[at.y][at.x] = absolute ? fabs(b[s]) : b[s];
    }
    __syncthreads();
    if (k0 + kDeep < k) fetch(k0 + kDeep);
#pragma unroll 16
    for (int step = 0; step < kDeep; ++step)
#pragma unroll
      for (int r = 0; r < 4; ++r) sum[r] = fma(left[step][4 * i + r], right[step][j], sum[r]);
  }
  if (n0 + j >= n) return;
  Acc offset = bias.data ? load<Acc>(bias, n0 + j) : Acc(0);
#pragma unroll
  for (int r = 0; r < 4; ++r)
    if (4 * i + r < rows) store(out, (4 * i + r) * n + n0 + j, sum[r] + (absolute ? fabs(offset) : offset));
}

template <class Source>
void launch(Context& context, int mode, const tenon_tensor& x, const Source& source, const Matrix& weight,
            const tenon_tensor& bias, const tenon_tensor& out, int64_t rows, int64_t n, int64_t k,
            bool absolute) {
  if (rows == 0 || n == 0) return;
  dim3 grid(blocks_for(rows, kTile), blocks_for(n, kTile));
  require(grid.y <= 65535, "linear: more than 4 million outputs a row");
  auto kernel = mode == TENON_REFERENCE ? ordered_kernel<double, Source> : ordered_kernel<float, Source>;
  kernel<<<grid, 256, 0, context.stream>>>(operand(x), source, weight, operand(bias), operand(out), rows, n,
                                           k, absolute);
  check_launch("ordered linear");
}

}  // namespace

void ordered_linear(Context& context, int mode, const tenon_linear_args& a) {
  int64_t rows = a.x.shape[0], k = a.x.shape[1], n = a.out.shape[1];
  Matrix weight{operand(a.weight), a.transposed ? 1 : k, a.transposed ? n : 1};
  if (rows > 0 && rows <= kFewRows && n > 0) {
    auto kernel = mode == TENON_REFERENCE ? few_rows_kernel<double> : few_rows_kernel<float>;
    kernel<<<blocks_for(n, kColumns), 128, 0, context.stream>>>(operand(a.x), weight, operand(a.bias),
                                                                operand(a.out), rows, n, k, a.absolute);
    return check_launch("ordered linear of few rows");
  }
  launch(context, mode, a.x, Rows{k}, weight, a.bias, a.out, rows, n, k, a.absolute);
}

void conv(Context& context, int mode, const tenon_conv_args& a) {
  require(a.x.rank == 5 && a.weight.rank == 5, "conv: x and weight have five axes");
  require(a.x.shape[1] == a.weight.shape[1], "conv: the weight's channels are not x's");
  Patches patches{};
  patches.channels = static_cast<int>(a.x.shape[1]);
  patches.channels_last = a.channels_last;
  int64_t rows = a.x.shape[0], k = patches.channels, n = a.weight.shape[0];
  for (int axis = 0; axis < 3; ++axis) {
    int64_t size = a.x.shape[2 + axis], kernel = a.weight.shape[2 + axis],
            reach = size + 2 * a.padding[axis] - kernel;
    require(a.stride[axis] > 0 && a.padding[axis] >= 0 && reach >= 0,
            "conv: stride, padding or kernel does not fit x");
    patches.size[axis] = static_cast<int>(size);
    patches.kernel[axis] = static_cast<int>(kernel);
    patches.stride[axis] = static_cast<int>(a.stride[axis]);
    patches.padding[axis] = static_cast<int>(a.padding[axis]);
    patches.out[axis] = static_cast<int>(reach / a.stride[axis] + 1);
    rows *= patches.out[axis];
    k *= kernel;
  }
  require(count(a.out) == rows * n, "conv: the result's shape does not fit");
  require(!a.bias.data || count(a.bias) == n, "conv: the bias does not fit");
  launch(context, mode, a.x, patches, Matrix{operand(a.weight), k, 1}, a.bias, a.out, rows, n, k, a.absolute);
}

}  // namespace tenon::cuda
