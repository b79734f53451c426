// Operations that touch each element once: cast, copy, embedding, activation, act_mul (of two tensors, or of
// the halves of one), add, mul.
//
// Bytes: every operand once, every result once. FLOPs: a handful per element. The limit that binds is memory
// bandwidth, hence eight elements a thread in 16-byte accesses wherever rows allow it.
#include "kernels/element.cuh"
#include "kernels/operators.h"

namespace tenon::cuda {
namespace {

enum Binary { kAdd, kMul, kActMul };

template <class Acc>
__device__ __forceinline__ Acc combine(int operation, int activation, Acc x, Acc y) {
  if (operation == kAdd) return x + y;
  if (operation == kMul) return x * y;
  return activate(activation, x) * y;
}

template <class Acc>
__global__ void binary_kernel(Operand x, Operand y, Operand out, int operation, int activation, int64_t n,
                              bool packed) {
  int64_t i = blockIdx.x * int64_t{blockDim.x} + threadIdx.x;
  if (packed && i < n / 8) {
    Acc a[8], b[8];
    load8(x, i, a);
    load8(y, i, b);
#pragma unroll
    for (int j = 0; j < 8; ++j) a[j] = combine(operation, activation, a[j], b[j]);
    store8(out, i, a);
  } else if (!packed && i < n) {
    store(out, i, combine(operation, activation, load<Acc>(x, i), load<Acc>(y, i)));
  }
}

template <class Acc>
__global__ void unary_kernel(Operand x, Operand out, int activation, int64_t n) {
  int64_t i = blockIdx.x * int64_t{blockDim.x} + threadIdx.x;
  if (i < n) store(out, i, activate(activation, load<Acc>(x, i)));
}

// x [rows, 2 * columns]; gate and up stand `columns` apart, or side by side.
template <class Acc>
__global__ void halves_kernel(Operand x, Operand out, int activation, bool interleaved, int64_t columns,
                              bool packed) {
  int64_t i = blockIdx.x * int64_t{blockDim.x} + threadIdx.x, row = blockIdx.y;
  if (packed && i < columns / 8) {
    Acc gate[8], up[8];
    load8(x, row * columns / 4 + i, gate);
    load8(x, row * columns / 4 + columns / 8 + i, up);
#pragma unroll
    for (int j = 0; j < 8; ++j) gate[j] = combine(kActMul, activation, gate[j], up[j]);
    store8(out, row * columns / 8 + i, gate);
  } else if (!packed && i < columns) {
    int64_t start = row * 2 * columns, at = interleaved ? 2 * i : i, next = interleaved ? 1 : columns;
    Acc gate = load<Acc>(x, start + at), up = load<Acc>(x, start + at + next);
    store(out, row * columns + i, combine(kActMul, activation, gate, up));
  }
}

struct Loops {
  int64_t extents[8], x_strides[8], out_strides[8], x_offset, out_offset;
};

template <class Word, class Index>
__global__ void copy_kernel(const Word* x, Word* out, Loops loops, Index n) {
  Index i = blockIdx.x * Index{256} + threadIdx.x;
  if (i >= n) return;
  int64_t from = loops.x_offset, to = loops.out_offset;
  for (int axis = 7; axis >= 0; --axis) {
    Index extent = static_cast<Index>(loops.extents[axis]);
    if (extent == 1) continue;
    Index place = i % extent;
    i /= extent;
    from += place * loops.x_strides[axis];
    to += place * loops.out_strides[axis];
  }
  out[to] = x[from];
}

template <class Word>
void launch_copy(Context& context, const tenon_copy_args& a, const Loops& loops, int64_t n) {
  auto* x = static_cast<const Word*>(a.x.data);
  auto* out = static_cast<Word*>(a.out.data);
  if (n < (int64_t{1} << 31))  // 32-bit division is several times faster
    copy_kernel<<<blocks_for(n), 256, 0, context.stream>>>(x, out, loops, static_cast<uint32_t>(n));
  else
    copy_kernel<<<blocks_for(n), 256, 0, context.stream>>>(x, out, loops, static_cast<uint64_t>(n));
  check_launch("copy");
}

// out[row] = table[ids[row] / divide]; an id outside the table leaves NaN bits, which no comparison accepts.
__global__ void gather_kernel(const int* ids, int divide, const char* table, int64_t entries, char* out,
                              int64_t row_bytes) {
  int64_t id = ids[blockIdx.x] / divide;
  const char* from = table + id * row_bytes;
  char* to = out + blockIdx.x * row_bytes;
  bool wide = row_bytes % 16 == 0 && reinterpret_cast<uintptr_t>(table) % 16 == 0 &&
              reinterpret_cast<uintptr_t>(out) % 16 == 0;
  int64_t step = wide ? 16 : 2;
  for (int64_t at = threadIdx.x * step; at < row_bytes; at += blockDim.x * step) {
    if (id < 0 || id >= entries) {
      for (int j = 0; j < step; ++j) to[at + j] = static_cast<char>(0xff);
    } else if (wide) {
      *reinterpret_cast<uint4*>(to + at) = *reinterpret_cast<const uint4*>(from + at);
    } else {
      *reinterpret_cast<uint16_t*>(to + at) = *reinterpret_cast<const uint16_t*>(from + at);
    }
  }
}

void binary(Context& context, int mode, int operation, int activation, const tenon_tensor& x,
            const tenon_tensor& y, const tenon_tensor& out) {
  int64_t n = count(x);
  require(count(y) == n && count(out) == n, "elementwise operands differ in size");
  if (n == 0) return;
  bool packed = packs_of_8(x, n) && packs_of_8(y, n) && packs_of_8(out, n);
  int blocks = blocks_for(packed ? n / 8 : n);
  auto kernel = mode == TENON_REFERENCE ? binary_kernel<double> : binary_kernel<float>;
  kernel<<<blocks, 256, 0, context.stream>>>(operand(x), operand(y), operand(out), operation, activation, n,
                                             packed);
  check_launch("elementwise");
}

void unary(Context& context, int mode, int activation, const tenon_tensor& x, const tenon_tensor& out) {
  int64_t n = count(x);
  require(count(out) == n, "elementwise operands differ in size");
  if (n == 0) return;
  auto kernel = mode == TENON_REFERENCE ? unary_kernel<double> : unary_kernel<float>;
  kernel<<<blocks_for(n), 256, 0, context.stream>>>(operand(x), operand(out), activation, n);
  check_launch("activation");
}

}  // namespace

void cast(Context& context, int, const tenon_cast_args& a) {
  // Through FP64, which holds every value of the other dtypes.
  unary(context, TENON_REFERENCE, TENON_IDENTITY, a.x, a.out);
}

void copy(Context& context, int, const tenon_copy_args& a) {
  require(a.rank >= 0 && a.rank <= 8, "copy: rank above 8");
  require(element_size(a.x.dtype) == element_size(a.out.dtype), "copy: element sizes differ");
  Loops loops{{1, 1, 1, 1, 1, 1, 1, 1}, {}, {}, a.x_offset, a.out_offset};
  int64_t n = 1, last_x = a.x_offset, last_out = a.out_offset;
  for (int axis = 0; axis < a.rank; ++axis) {
    int to = axis + 8 - a.rank;
    loops.extents[to] = a.extents[axis];
    loops.x_strides[to] = a.x_strides[axis];
    loops.out_strides[to] = a.out_strides[axis];
    n *= a.extents[axis];
    last_x += (a.extents[axis] - 1) * a.x_strides[axis];
    last_out += (a.extents[axis] - 1) * a.out_strides[axis];
  }
  if (n == 0) return;
  require(last_x < count(a.x) && last_out < count(a.out), "copy: outside the tensor");
  size_t size = element_size(a.x.dtype);
  auto run = size == 8 ? launch_copy<uint64_t> : size == 4 ? launch_copy<uint32_t> : launch_copy<uint16_t>;
  run(context, a, loops, n);
}

void gather_rows(Context& context, const int* ids, int divide, const tenon_tensor& table,
                 const tenon_tensor& out) {
  if (out.shape[0] == 0) return;
  int64_t row_bytes = table.shape[1] * static_cast<int64_t>(element_size(table.dtype));
  gather_kernel<<<static_cast<unsigned>(out.shape[0]), 128, 0, context.stream>>>(
      ids, divide, static_cast<const char*>(table.data), table.shape[0], static_cast<char*>(out.data),
      row_bytes);
  check_launch("gather");
}

void embedding(Context& context, int mode, const tenon_embedding_args& a) {
  require(a.ids.dtype == TENON_I32 && a.table.rank == 2, "embedding: ids are I32, the table has two axes");
  require(count(a.out) == count(a.ids) * a.table.shape[1], "embedding: the result's shape does not fit");
  tenon_tensor rows = a.out;
  rows.rank = 2, rows.shape[0] = count(a.ids), rows.shape[1] = a.table.shape[1];
  if (a.out.dtype == a.table.dtype)
    return gather_rows(context, static_cast<const int*>(a.ids.data), 1, a.table, rows);
  tenon_tensor raw = temporary(context, a.table.dtype, rows.shape[0], rows.shape[1]);
  gather_rows(context, static_cast<const int*>(a.ids.data), 1, a.table, raw);
  unary(context, mode, TENON_IDENTITY, raw, rows);
}

void activation(Context& context, int mode, const tenon_activation_args& a) {
  unary(context, mode, a.activation, a.x, a.out);
}

void act_mul(Context& context, int mode, const tenon_act_mul_args& a) {
  binary(context, mode, kActMul, a.activation, a.x, a.y, a.out);
}

void add(Context& context, int mode, const tenon_add_args& a) {
  binary(context, mode, kAdd, TENON_IDENTITY, a.x, a.y, a.out);
}

void mul(Context& context, int mode, const tenon_mul_args& a) {
  binary(context, mode, kMul, TENON_IDENTITY, a.x, a.y, a.out);
}

void act_mul_halves(Context& context, int mode, const tenon_act_mul_halves_args& a) {
  require(a.x.rank == 2 && a.out.rank == 2, "act_mul_halves: two axes");
  int64_t rows = a.x.shape[0], columns = a.out.shape[1];
  require(a.x.shape[1] == 2 * columns && a.out.shape[0] == rows,
          "act_mul_halves: x is not twice as wide as the result");
  if (rows * columns == 0) return;
  bool packed = !a.interleaved && packs_of_8(a.x, columns) && packs_of_8(a.out, columns);
  auto kernel = mode == TENON_REFERENCE ? halves_kernel<double> : halves_kernel<float>;
  for (int64_t first = 0; first < rows; first += 65535) {  // the grid's second axis ends there
    tenon_tensor x = row_range(a.x, first, std::min<int64_t>(65535, rows - first));
    tenon_tensor out = row_range(a.out, first, x.shape[0]);
    dim3 grid(blocks_for(packed ? columns / 8 : columns), static_cast<unsigned>(x.shape[0]));
    kernel<<<grid, 256, 0, context.stream>>>(operand(x), operand(out), a.activation, a.interleaved, columns,
                                             packed);
    check_launch("act_mul_halves");
  }
}

}  // namespace tenon::cuda
