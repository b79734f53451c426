// Matrix products by OpenBLAS, through xtensor.
#pragma once

#include <cstdint>

namespace tenon {

/// out[m, n] = sum_k x[m, k] w[n, k]
void library_product(const float* x, std::int64_t m, const float* w, std::int64_t n, std::int64_t k,
                     float* out);
void library_product(const double* x, std::int64_t m, const double* w, std::int64_t n, std::int64_t k,
                     double* out);

}  // namespace tenon
