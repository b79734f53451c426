#include "modules/cpu/library_product.h"

#include <array>
#include <xtensor-blas/xblas.hpp>
#include <xtensor/xadapt.hpp>

extern "C" void openblas_set_num_threads(int);  // its cblas.h and xtensor-blas's define the same names

namespace tenon {
namespace {

template <typename T>
void product(const T* x, std::int64_t m, const T* w, std::int64_t n, std::int64_t k, T* out) {
  // Products run side by side on the program's own threads: OpenBLAS is to start none for each.
  [[maybe_unused]] static const bool kOneThread = (openblas_set_num_threads(1), true);
  using Extents = std::array<std::size_t, 2>;
  const auto size = [](std::int64_t extent) { return static_cast<std::size_t>(extent); };
  const auto matrix = [&](const T* data, std::int64_t rows, std::int64_t columns) {
    return xt::adapt(data, size(rows * columns), xt::no_ownership(), Extents{size(rows), size(columns)});
  };
  if (m == 0 || n == 0) return;
  auto result = xt::adapt(out, size(m * n), xt::no_ownership(), Extents{size(m), size(n)});
  result.fill(T{0});
  if (k == 0) return;
  xt::blas::gemm(matrix(x, m, k), matrix(w, n, k), result, false, true);
}

}  // namespace

void library_product(const float* x, std::int64_t m, const float* w, std::int64_t n, std::int64_t k,
                     float* out) {
  product(x, m, w, n, k, out);
}

void library_product(const double* x, std::int64_t m, const double* w, std::int64_t n, std::int64_t k,
                     double* out) {
  product(x, m, w, n, k, out);
}

}  // namespace tenon
