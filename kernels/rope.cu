// Rotary position embedding, by itself and with the split of a fused QKV product into q, k and v.
//
// Bytes: x and the result once; the tables are small. FLOPs: 3 per element. The limit that binds is memory
// bandwidth.
#include "kernels/element.cuh"
#include "kernels/operators.h"

namespace tenon::cuda {
namespace {

struct Rotation {
  Operand cos, sin;
  int half;  // R / 2; 0 leaves everything as it is
  bool interleaved;
};

// Channel d of the head that starts at `head` in x, rotated for `token`. The product that is rounded is
// always the partner's, so that every kernel that rotates gives the same bits.
template <class Acc>
__device__ __forceinline__ Acc rotate(const Rotation& r, Operand x, int64_t head, int d, int64_t token) {
  Acc own = load<Acc>(x, head + d);
  if (d >= 2 * r.half) return own;
  int pair = r.interleaved ? d / 2 : d % r.half;
  bool first = r.interleaved ? d % 2 == 0 : d < r.half;
  int reach = r.interleaved ? 1 : r.half;
  Acc other = load<Acc>(x, head + (first ? d + reach : d - reach));
  Acc turned = other * load<Acc>(r.sin, token * r.half + pair);
  return fma(own, load<Acc>(r.cos, token * r.half + pair), first ? -turned : turned);
}

template <class Acc>
__global__ void rope_kernel(Operand x, Rotation rotation, Operand out, int heads, int width, int64_t n) {
  int64_t i = blockIdx.x * int64_t{blockDim.x} + threadIdx.x;
  if (i >= n) return;
  int d = static_cast<int>(i % width);
  store(out, i, rotate<Acc>(rotation, x, i - d, d, i / (int64_t{heads} * width)));
}

struct Split {
  Operand x, q, k, v;
  int heads, kv_heads, width;
  bool by_kv_head;
};

// One block a token and place among the product's heads.
template <class Acc>
__global__ void split_kernel(Split s, Rotation rotation) {
  int64_t token = blockIdx.x;
  int place = blockIdx.y, group = s.heads / s.kv_heads, head = place, part = 0;  // part: 0 q, 1 k, 2 v
  if (s.by_kv_head) {
    int within = place % (group + 2), kv_head = place / (group + 2);
    part = within < group ? 0 : within - group + 1;
    head = part == 0 ? kv_head * group + within : kv_head;
  } else if (place >= s.heads) {
    part = 1 + (place - s.heads) / s.kv_heads;
    head = (place - s.heads) % s.kv_heads;
  }
  if (part == 2) rotation.half = 0;
  Operand to = part == 0 ? s.q : part == 1 ? s.k : s.v;
  int64_t from = (token * (s.heads + 2 * s.kv_heads) + place) * s.width;
  int64_t at = (token * (part == 0 ? s.heads : s.kv_heads) + head) * s.width;
  for (int d = threadIdx.x; d < s.width; d += blockDim.x)
    store(to, at + d, rotate<Acc>(rotation, s.x, from, d, token));
}

Rotation make_rotation(const tenon_tensor& cos, const tenon_tensor& sin, int64_t tokens, int64_t width,
                       bool interleaved) {
  if (!cos.data) return {};
  require(cos.rank == 2 && sin.rank == 2 && cos.shape[0] == tokens && sin.shape[0] == tokens &&
              cos.shape[1] == sin.shape[1] && 2 * cos.shape[1] <= width,
          "rope: cos and sin are [T, R/2] with R at most the head's width");
  return {operand(cos), operand(sin), static_cast<int>(cos.shape[1]), interleaved};
}

}  // namespace

void rope(Context& context, int mode, const tenon_rope_args& a) {
  require(a.x.rank == 3 && count(a.out) == count(a.x) && a.cos.data,
          "rope: x is [T, heads, D], the result likewise");
  require(a.x.data != a.out.data, "rope: not in place");
  Rotation rotation = make_rotation(a.cos, a.sin, a.x.shape[0], a.x.shape[2], a.interleaved);
  int64_t n = count(a.x);
  if (n == 0) return;
  auto kernel = mode == TENON_REFERENCE ? rope_kernel<double> : rope_kernel<float>;
  kernel<<<blocks_for(n), 256, 0, context.stream>>>(operand(a.x), rotation, operand(a.out),
                                                    static_cast<int>(a.x.shape[1]),
                                                    static_cast<int>(a.x.shape[2]), n);
  check_launch("rope");
}

void qkv_linear(Context& context, int mode, const tenon_qkv_linear_args& a) {
  require(a.q.rank == 3 && a.k.rank == 3 && count(a.k) == count(a.v),
          "qkv_linear: q, k and v are [T, heads, D]");
  int64_t tokens = a.x.shape[0], width = a.q.shape[2], places = a.q.shape[1] + 2 * a.k.shape[1];
  require(a.q.shape[0] == tokens && a.k.shape[0] == tokens && a.k.shape[2] == width && a.k.shape[1] > 0 &&
              a.q.shape[1] % a.k.shape[1] == 0,
          "qkv_linear: q, k and v do not fit x or one another");
  tenon_tensor product = temporary(context, a.q.dtype, tokens, places * width);
  linear(context, mode, {a.x, a.weight, a.bias, product, a.transposed, 0});
  if (tokens == 0) return;
  Rotation rotation = make_rotation(a.cos, a.sin, tokens, width, a.interleaved);
  Split split{operand(product),
              operand(a.q),
              operand(a.k),
              operand(a.v),
              static_cast<int>(a.q.shape[1]),
              static_cast<int>(a.k.shape[1]),
              static_cast<int>(width),
              a.by_kv_head != 0};
  auto kernel = mode == TENON_REFERENCE ? split_kernel<double> : split_kernel<float>;
  dim3 grid(static_cast<unsigned>(tokens), static_cast<unsigned>(places));
  kernel<<<grid, 64, 0, context.stream>>>(split, rotation);
  check_launch("qkv split");
}

}  // namespace tenon::cuda
