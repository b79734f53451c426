// A planted fault: the CUDA module with a production gated MLP that accumulates its sums in BF16 or FP16.
// Parity must reject it (tests/cli/parity_gpu_faults.sh). Everything else is the module of the folder above
// this one.
#include <dlfcn.h>

#include <string>

#include "kernels/element.cuh"

namespace tenon::cuda {
namespace {

const tenon_cuda_table* real = nullptr;

template <class T>
__global__ void half_linear(const T* x, const T* weight, T* out, int64_t rows, int64_t n, int64_t k) {
  int64_t i = blockIdx.x * int64_t{blockDim.x} + threadIdx.x;
  if (i >= rows * n) return;
  const T *row = x + i / n * k, *column = weight + i % n * k;
  T sum{};
  for (int64_t at = 0; at < k; ++at) narrow(sum, widen(sum) + widen(row[at]) * widen(column[at]));
  out[i] = sum;
}

template <class T>
void run_linear(tenon_context* context, const tenon_tensor& x, const tenon_tensor& weight, void* out) {
  int64_t n = weight.shape[0];
  half_linear<<<blocks_for(x.shape[0] * n), 256, 0, context->stream>>>(
      static_cast<const T*>(x.data), static_cast<const T*>(weight.data), static_cast<T*>(out), x.shape[0], n,
      weight.shape[1]);
}

int gated_mlp(tenon_context* context, int mode, const tenon_gated_mlp_args* a) {
  bool bf16 = a->x.dtype == TENON_BF16;
  if (mode != TENON_PRODUCTION || (!bf16 && a->x.dtype != TENON_F16))
    return real->gated_mlp(context, mode, a);
  auto linear = bf16 ? run_linear<__nv_bfloat16> : run_linear<__half>;
  int64_t rows = a->x.shape[0], wide = a->gate_up.shape[0];
  tenon_tensor both{nullptr, a->x.dtype, 2, {rows, wide}}, hidden{nullptr, a->x.dtype, 2, {rows, wide / 2}};
  if (int status = real->alloc(context, rows * wide * 2, &both.data)) return status;
  if (int status = real->alloc(context, rows * wide, &hidden.data)) return status;
  linear(context, a->x, a->gate_up, both.data);
  tenon_act_mul_halves_args halves{both, hidden, a->activation, a->interleaved};
  int status = real->act_mul_halves(context, mode, &halves);
  linear(context, hidden, a->down, a->out.data);
  real->release(context, both.data);
  real->release(context, hidden.data);
  return status;
}

// ../libtenon_cuda.so, as seen from this library.
const tenon_cuda_table* open_real(uint32_t abi) {
  Dl_info self;
  if (!dladdr(reinterpret_cast<const void*>(&open_real), &self)) return nullptr;
  std::string path = self.dli_fname;
  path = path.substr(0, path.rfind('/') + 1) + "../libtenon_cuda.so";
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) return nullptr;
  auto function = reinterpret_cast<tenon_cuda_api_function>(dlsym(library, "tenon_cuda_api"));
  return function ? function(abi) : nullptr;
}

}  // namespace
}  // namespace tenon::cuda

extern "C" __attribute__((visibility("default"))) const tenon_cuda_table* tenon_cuda_api(uint32_t abi) {
  using namespace tenon::cuda;
  real = open_real(abi);
  if (!real) return nullptr;
  static tenon_cuda_table table;
  table = *real;
  table.gated_mlp = gated_mlp;
  return &table;
}
