// Products with weights. A weight goes through in tiles that fit the cache, widened as they are read.
#include "modules/products.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/copy_loops.h"
#include "modules/buffer.h"
#include "modules/cpu/library_product.h"

namespace tenon {
namespace {

constexpr std::int64_t kPanel = 16;  // outputs whose sums run side by side in registers
constexpr std::int64_t kWide = 64;   // outputs of a tile
constexpr std::int64_t kDeep = 256;  // inputs of a tile

std::size_t size(std::int64_t count) {
  return static_cast<std::size_t>(count);
}

// Outputs [first, first + width) by inputs [begin, begin + depth) of a matrix.
struct Tile {
  std::int64_t first, width, begin, depth;
};

// Reads tiles into lines of floats, kWide or kDeep apart.
class TileReader {
 public:
  explicit TileReader(const Matrix& w)
      : w_(w), inputs_run_(w.column_stride == 1), lines_(size(kWide * kDeep)) {}

  /// [width, kDeep]: the inputs of an output side by side.
  void by_outputs(const Tile& tile, float* out) {
    if (inputs_run_) return read_lines(tile, out);
    read_lines(tile, lines_.data());
    turn(lines_.data(), tile.depth, kWide, out, tile.width, kDeep);
  }

  /// [depth, kWide]: the outputs of an input side by side.
  void by_inputs(const Tile& tile, float* out) {
    if (!inputs_run_) return read_lines(tile, out);
    read_lines(tile, lines_.data());
    turn(lines_.data(), tile.width, kDeep, out, tile.depth, kWide);
  }

 private:
  // As the weight has it: a line for each output, or for each input.
  void read_lines(const Tile& tile, float* out) {
    const std::int64_t corner = w_.first + tile.first * w_.row_stride + tile.begin * w_.column_stride;
    if (inputs_run_) {
      for (std::int64_t i = 0; i < tile.width; ++i)
        w_.weight->read(size(corner + i * w_.row_stride), size(tile.depth), out + i * kDeep);
    } else {
      for (std::int64_t k = 0; k < tile.depth; ++k)
        read_strided(corner + k * w_.column_stride, tile.width, out + k * kWide);
    }
  }

  // Elements first, first + row stride, ...
  void read_strided(std::int64_t first, std::int64_t count, float* out) {
    if (w_.row_stride == 1) return w_.weight->read(size(first), size(count), out);
    span_.resize(size((count - 1) * w_.row_stride + 1));
    w_.weight->read(size(first), span_.size(), span_.data());
    for (std::int64_t i = 0; i < count; ++i) out[i] = span_[size(i * w_.row_stride)];
  }

  static void turn(const float* from, std::int64_t rows, std::int64_t pitch, float* to, std::int64_t columns,
                   std::int64_t turned_pitch) {
    constexpr std::uint64_t kFloat = sizeof(float);
    const Box box{
        0,
        0,
        kFloat,
        {{size(columns), kFloat, size(turned_pitch) * kFloat}, {size(rows), size(pitch) * kFloat, kFloat}}};
    copy_box(box, reinterpret_cast<const std::byte*>(from), reinterpret_cast<std::byte*>(to));
  }

  const Matrix& w_;
  bool inputs_run_;
  std::vector<float> lines_;
  std::vector<float> span_;
};

// sums[j] += x[k] w[k, j], in rising k, for the outputs of a panel.
void add_products(const float* x, std::int64_t depth, const float* w, float* sums) {
  std::array<float, kPanel> kept;
  std::copy_n(sums, kPanel, kept.begin());
  for (std::int64_t k = 0; k < depth; ++k) {
    for (std::size_t j = 0; j < kPanel; ++j) kept[j] += x[k] * w[size(k * kWide) + j];
  }
  std::copy_n(kept.begin(), kPanel, sums);
}

// Every output is one sum in rising k: tiles follow one another along k, and a sum that is put aside between
// two of them is the same FP32 number when it is taken up again. Outputs do not depend on each other.
void multiply_in_order(const float* x, std::int64_t m, const Matrix& w, float* out) {
  tbb::parallel_for(std::int64_t{0}, (w.n + kWide - 1) / kWide, [&](std::int64_t block) {
    const std::int64_t first = block * kWide;
    const std::int64_t width = std::min(kWide, w.n - first);
    TileReader reader(w);
    std::vector<float> tile(size(kDeep * kWide));
    std::vector<float> sums(size(m * kWide));
    for (std::int64_t k = 0; k < w.k; k += kDeep) {
      const std::int64_t depth = std::min(kDeep, w.k - k);
      reader.by_inputs({first, width, k, depth}, tile.data());
      for (std::int64_t panel = 0; panel < width; panel += kPanel) {
        for (std::int64_t row = 0; row < m; ++row)
          add_products(x + row * w.k + k, depth, tile.data() + panel, &sums[size(row * kWide + panel)]);
      }
    }
    for (std::int64_t row = 0; row < m; ++row)
      std::copy_n(&sums[size(row * kWide)], width, out + row * w.n + first);
  });
}

// A block of outputs, [width, k], as the library takes it.
template <typename T>
using Packed = std::vector<T, BlockAllocator<T>>;

template <typename T>
Packed<T> pack(const Matrix& w, std::int64_t first, std::int64_t width) {
  Packed<T> packed(size(width * w.k));
  TileReader reader(w);
  std::vector<float> tile(size(kWide * kDeep));
  for (std::int64_t k = 0; k < w.k; k += kDeep) {
    const std::int64_t depth = std::min(kDeep, w.k - k);
    reader.by_outputs({first, width, k, depth}, tile.data());
    for (std::int64_t i = 0; i < width; ++i) {
      const float* const from = &tile[size(i * kDeep)];
      T* const to = &packed[size(i * w.k + k)];
      if (w.absolute) {
        std::transform(from, from + depth, to, [](float value) { return static_cast<T>(std::abs(value)); });
      } else {
        std::copy_n(from, depth, to);
      }
    }
  }
  return packed;
}

}  // namespace

template <typename T>
void multiply(const Call<T>& call, const T* x, std::int64_t m, const Matrix& w, T* out) {
  if constexpr (std::is_same_v<T, float>) {
    if (call.order == Order::kFixed) return multiply_in_order(x, m, w, out);
  } else {
    if (call.products != nullptr) return call.products->multiply(x, m, w, out);
  }
  tbb::parallel_for(std::int64_t{0}, (w.n + kWide - 1) / kWide, [&](std::int64_t block) {
    const std::int64_t first = block * kWide;
    const std::int64_t width = std::min(kWide, w.n - first);
    const Packed<T> packed = pack<T>(w, first, width);
    std::vector<T> part(size(m * width));
    library_product(x, m, packed.data(), width, w.k, part.data());
    for (std::int64_t row = 0; row < m; ++row)
      std::copy_n(part.data() + row * width, width, out + row * w.n + first);
  });
}
template void multiply(const Call<float>&, const float*, std::int64_t, const Matrix&, float*);
template void multiply(const Call<double>&, const double*, std::int64_t, const Matrix&, double*);

void bound_product(const BoundCall& call, const double* x, const double* x_bound, std::int64_t m,
                   const Matrix& w, const std::vector<float>& bias, double* out) {
  const double n = static_cast<double>(w.k) + (bias.empty() ? 0 : 1);
  const double gamma = call.accuracy.gamma(n);
  std::vector<double> reach(size(m * w.k));
  for (std::size_t i = 0; i < reach.size(); ++i)
    reach[i] = gamma * (std::abs(x[i]) + x_bound[i]) + x_bound[i];
  Matrix absolute = w;
  absolute.absolute = true;
  multiply(call.exact, reach.data(), m, absolute, out);
  const double underflow = n * 0x1p-149;  // of the FP32 products
  for (std::int64_t i = 0; i < m * w.n; ++i)
    out[i] += underflow + (bias.empty() ? 0 : gamma * std::abs(static_cast<double>(bias[size(i % w.n)])));
}

}  // namespace tenon
