// Plain linears by cuBLASLt: out = x weight^T + bias with FP32 accumulation, whatever the operands' dtype.
//
// cuBLASLt is column-major: its D [N, T] is our out [T, N], its A our weight, its B our x. Sums split over K
// are joined in FP32 only (never in the result's dtype), and FP32 operands are not rounded to TF32: the error
// bound counts on both.
#include <memory>

#include "kernels/operators.h"

namespace tenon::cuda {
namespace {

constexpr size_t kWorkspace = size_t{64} << 20;

template <class T, cublasStatus_t (*Destroy)(T)>
struct Destroyer {
  void operator()(T object) const { Destroy(object); }
};
template <class T, cublasStatus_t (*Destroy)(T)>
using Owned = std::unique_ptr<std::remove_pointer_t<T>, Destroyer<T, Destroy>>;

using Operation = Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using Layout = Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using Preference = Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;

cudaDataType_t library_type(int dtype) {
  switch (dtype) {
    case TENON_F16:
      return CUDA_R_16F;
    case TENON_BF16:
      return CUDA_R_16BF;
    case TENON_F32:
      return CUDA_R_32F;
    default:
      bad_argument("production linear: the dtype is not BF16, FP16 or FP32");
  }
}

Operation make_operation(const tenon_linear_args& a) {
  cublasLtMatmulDesc_t operation;
  check(cublasLtMatmulDescCreate(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F), "cublasLtMatmulDescCreate");
  Operation owned(operation);
  auto set = [&](cublasLtMatmulDescAttributes_t attribute, const auto& value) {
    check(cublasLtMatmulDescSetAttribute(operation, attribute, &value, sizeof value),
          "cublasLtMatmulDescSetAttribute");
  };
  set(CUBLASLT_MATMUL_DESC_TRANSA, a.transposed ? CUBLAS_OP_N : CUBLAS_OP_T);
  if (a.bias.data) {
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
    set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, a.bias.data);
  }
  return owned;
}

Layout make_layout(int dtype, int64_t rows, int64_t columns) {
  cublasLtMatrixLayout_t layout;
  check(cublasLtMatrixLayoutCreate(&layout, library_type(dtype), rows, columns, rows),
        "cublasLtMatrixLayoutCreate");
  return Layout(layout);
}

uint32_t alignment(const void* data) {
  uintptr_t address = reinterpret_cast<uintptr_t>(data);
  return static_cast<uint32_t>(std::min<uintptr_t>(256, address & -address));
}

Preference make_preference(const tenon_linear_args& a) {
  cublasLtMatmulPreference_t preference;
  check(cublasLtMatmulPreferenceCreate(&preference), "cublasLtMatmulPreferenceCreate");
  Preference owned(preference);
  auto set = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
    check(cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value),
          "cublasLtMatmulPreferenceSetAttribute");
  };
  set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kWorkspace);
  set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment(a.weight.data));
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment(a.x.data));
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment(a.out.data));
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment(a.out.data));
  return owned;
}

// cuBLASLt's heuristic takes longer than a small product, so its choices are kept.
const cublasLtMatmulAlgo_t& choose(Context& context, const tenon_linear_args& a,
                                   cublasLtMatmulDesc_t operation, cublasLtMatrixLayout_t weight,
                                   cublasLtMatrixLayout_t x, cublasLtMatrixLayout_t out) {
  std::array<int64_t, 9> key{a.x.dtype,
                             a.x.shape[0],
                             a.x.shape[1],
                             a.out.shape[1],
                             a.transposed,
                             !!a.bias.data,
                             alignment(a.weight.data),
                             alignment(a.x.data),
                             alignment(a.out.data)};
  auto known = context.library_choices.find(key);
  if (known != context.library_choices.end()) return known->second;
  Preference preference = make_preference(a);
  cublasLtMatmulHeuristicResult_t choice;
  int found = 0;
  check(cublasLtMatmulAlgoGetHeuristic(context.library, operation, weight, x, out, out, preference.get(), 1,
                                       &choice, &found),
        "cublasLtMatmulAlgoGetHeuristic");
  if (found == 0) throw Failure{TENON_CUDA_FAILED, "cuBLASLt has no algorithm for this linear"};
  return context.library_choices.emplace(key, choice.algo).first->second;
}

}  // namespace

void library_linear(Context& context, const tenon_linear_args& a) {
  int64_t rows = a.x.shape[0], k = a.x.shape[1], n = a.out.shape[1];
  require(!a.absolute, "linear: sums of absolute values are for the reference and fixed-order modes");
  require(
      a.weight.dtype == a.x.dtype && a.out.dtype == a.x.dtype && (!a.bias.data || a.bias.dtype == a.x.dtype),
      "production linear: operands differ in dtype");
  if (rows == 0 || n == 0) return;
  if (!context.library_workspace)
    check(cudaMalloc(&context.library_workspace, kWorkspace), "cuBLASLt workspace");

  Operation operation = make_operation(a);
  Layout weight = a.transposed ? make_layout(a.weight.dtype, n, k) : make_layout(a.weight.dtype, k, n);
  Layout x = make_layout(a.x.dtype, k, rows), out = make_layout(a.out.dtype, n, rows);
  const cublasLtMatmulAlgo_t& algorithm =
      choose(context, a, operation.get(), weight.get(), x.get(), out.get());
  float one = 1, zero = 0;
  check(cublasLtMatmul(context.library, operation.get(), &one, a.weight.data, weight.get(), a.x.data, x.get(),
                       &zero, a.out.data, out.get(), a.out.data, out.get(), &algorithm,
                       context.library_workspace, kWorkspace, context.stream),
        "cublasLtMatmul");
}

}  // namespace tenon::cuda
