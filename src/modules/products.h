// Products of values with weights, which every operation that multiplies shares.
#pragma once

#include <vector>

#include "modules/call.h"

namespace tenon {

/// x W^T for m rows, by the call's order of summation and where it takes its products.
template <typename T>
void multiply(const Call<T>& call, const T* x, std::int64_t m, const Matrix& w, T* out);

/// E = |W| (gamma(n) (|x| + Ex) + Ex) + gamma(n) |b|, the bound of x W^T + b, for m rows. No bias: empty.
void bound_product(const BoundCall& call, const double* x, const double* x_bound, std::int64_t m,
                   const Matrix& w, const std::vector<float>& bias, double* out);

}  // namespace tenon
