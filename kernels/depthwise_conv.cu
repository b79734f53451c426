// Causal depthwise convolution along the tokens of [B, T, C] (state-space models' conv1d), with an optional
// activation.
//
// Bytes: x and the result once; the k - 1 earlier rows come from the cache. FLOPs: 2 k per element. The limit
// that binds is memory bandwidth. Neighbouring threads take neighbouring channels, so every access is
// coalesced. Each output is one sum in ascending tap, in every mode.
#include "kernels/element.cuh"
#include "kernels/operators.h"

namespace tenon::cuda {
namespace {

template <class Acc>
__global__ void depthwise_kernel(Operand x, Operand weight, Operand bias, Operand out, int64_t tokens,
                                 int64_t channels, int taps, int activation, bool absolute, int64_t n) {
  int64_t i = blockIdx.x * int64_t{blockDim.x} + threadIdx.x;
  if (i >= n) return;
  int64_t channel = i % channels, token = i / channels % tokens;
  Acc sum = 0;
  for (int tap = 0; tap < taps; ++tap) {
    int64_t back = taps - 1 - tap;
    if (back > token) continue;
    Acc a = load<Acc>(x, i - back * channels), b = load<Acc>(weight, channel * taps + tap);
    sum = fma(absolute ? fabs(a) : a, absolute ? fabs(b) : b, sum);
  }
  Acc offset = bias.data ? load<Acc>(bias, channel) : Acc(0);
  sum += absolute ? fabs(offset) : offset;
  store(out, i, activate(activation, sum));
}

}  // namespace

void depthwise_conv1d(Context& context, int mode, const tenon_depthwise_conv1d_args& a) {
  require(a.x.rank == 3 && a.weight.rank == 2 && a.weight.shape[0] == a.x.shape[2],
          "depthwise_conv1d: x is [B, T, C], the weight [C, k]");
  require(count(a.out) == count(a.x) && (!a.bias.data || count(a.bias) == a.x.shape[2]),
          "depthwise_conv1d: the result or the bias does not fit");
  require(!a.absolute || a.activation == TENON_IDENTITY,
          "depthwise_conv1d: absolute sums have no activation");
  int64_t n = count(a.x);
  if (n == 0) return;
  auto kernel = mode == TENON_REFERENCE ? depthwise_kernel<double> : depthwise_kernel<float>;
  kernel<<<blocks_for(n), 256, 0, context.stream>>>(
      operand(a.x), operand(a.weight), operand(a.bias), operand(a.out), a.x.shape[1], a.x.shape[2],
      static_cast<int>(a.weight.shape[1]), a.activation, a.absolute, n);
  check_launch("depthwise conv1d");
}

}  // namespace tenon::cuda
