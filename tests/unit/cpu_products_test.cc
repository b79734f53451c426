// Products of every layout and of sizes that no tile divides: the fixed order bit for bit, OpenBLAS nearly.
#include <catch2/catch.hpp>
#include <cmath>

#include "modules/products.h"
#include "parity/seeded_inputs.h"

using namespace tenon;

namespace {

struct Layout {
  const char* name;
  std::int64_t first, row_stride, column_stride;
};

constexpr std::int64_t kRows = 3;
constexpr std::int64_t kOutputs = 131;
constexpr std::int64_t kInputs = 777;
constexpr Layout kLayouts[] = {{"rows", 0, kInputs, 1},
                               {"columns", 0, 1, kOutputs},
                               {"every other row", kInputs, 2 * kInputs, 1},
                               {"every other column", 1, 2, 2 * kOutputs}};

template <typename T>
std::vector<T> product(const std::vector<T>& x, const Matrix& w, Order order) {
  const BoundStep step;
  const std::vector<Array<T>> values;
  const SlotWeights weights;
  const std::vector<Shape> shapes;
  std::vector<T> out(static_cast<std::size_t>(kRows * w.n));
  multiply(Call<T>{step, values, weights, shapes, order}, x.data(), kRows, w, out.data());
  return out;
}

}  // namespace

TEST_CASE("products: in the fixed order every output is one FP32 sum in rising k, whatever the layout") {
  const NumberFormat format = *format_of(DType::kF32);
  const Array<float> x = seeded_numbers({kRows, kInputs}, format, 1, "x");
  const Array<float> stack = seeded_numbers({2, kOutputs, kInputs}, format, 1, "w");
  const ArrayWeight weight(stack);
  for (const Layout& layout : kLayouts) {
    CAPTURE(layout.name);
    const Matrix w{&weight, layout.first, kOutputs, kInputs, layout.row_stride, layout.column_stride};
    const auto at = [&](std::size_t n, std::size_t k) {
      return stack[static_cast<std::size_t>(w.first) + n * static_cast<std::size_t>(w.row_stride) +
                   k * static_cast<std::size_t>(w.column_stride)];
    };
    const auto fixed = product(x.data, w, Order::kFixed);
    const auto library = product(x.data, w, Order::kLibrary);
    Matrix absolute = w;
    absolute.absolute = true;
    const std::vector<double> exact_x(x.data.begin(), x.data.end());
    const auto exact = product(exact_x, w, Order::kLibrary);
    const auto reach = product(exact_x, absolute, Order::kLibrary);
    int wrong = 0;
    for (std::size_t i = 0; i < fixed.size(); ++i) {
      const std::size_t row = i / kOutputs;
      float sum = 0;
      double exact_sum = 0;
      double absolute_sum = 0;
      double size = 0;
      for (std::size_t k = 0; k < kInputs; ++k) {
        const float factor = x[row * kInputs + k];
        sum += factor * at(i % kOutputs, k);
        exact_sum += static_cast<double>(factor) * static_cast<double>(at(i % kOutputs, k));
        absolute_sum += static_cast<double>(factor) * std::abs(static_cast<double>(at(i % kOutputs, k)));
        size += std::abs(static_cast<double>(factor) * static_cast<double>(at(i % kOutputs, k)));
      }
      if (fixed[i] != sum) ++wrong;
      if (std::abs(static_cast<double>(library[i]) - exact_sum) > 1e-5 * size) ++wrong;
      if (std::abs(exact[i] - exact_sum) > 1e-13 * size) ++wrong;
      if (std::abs(reach[i] - absolute_sum) > 1e-13 * size) ++wrong;
    }
    CHECK(wrong == 0);
  }
}
