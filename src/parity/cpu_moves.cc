// Operations that move elements and do no arithmetic: the bound of what they move moves along.
#include <algorithm>
#include <functional>
#include <numeric>
#include <stdexcept>

#include "parity/cpu_operations.h"

namespace tenon {
namespace {

std::int64_t product(const Shape& shape, std::size_t from, std::size_t to) {
  std::int64_t n = 1;
  for (std::size_t i = from; i < to; ++i) n *= shape[i];
  return n;
}

std::size_t axis_of(const Attributes& attributes, const Shape& shape) {
  const std::int64_t axis = attributes.integer("axis");
  return static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(shape.size()) : axis);
}

// Copies between a whole and the part of it that begins at `from` along an axis.
template <typename T, typename Copy>
void for_each_run(const Array<T>& whole, const Array<T>& part, std::size_t axis, std::int64_t from,
                  const Copy& copy) {
  const std::int64_t inner = product(whole.shape, axis + 1, whole.shape.size());
  const std::int64_t run = part.shape[axis] * inner;
  const std::int64_t outer = product(whole.shape, 0, axis);
  for (std::int64_t i = 0; i < outer; ++i) copy((i * whole.shape[axis] + from) * inner, i * run, run);
}

}  // namespace

template <typename T>
void cpu_chunk(const Call<T>& call, std::vector<Array<T>>& out) {
  const Array<T>& x = call.value("x");
  const std::size_t axis = axis_of(call.attributes(), x.shape);
  std::int64_t from = 0;
  for (auto& part : out) {
    for_each_run(x, part, axis, from, [&](std::int64_t in_whole, std::int64_t in_part, std::int64_t run) {
      std::copy_n(x.data.begin() + in_whole, run, part.data.begin() + in_part);
    });
    from += part.shape[axis];
  }
}
template void cpu_chunk(const Call<float>&, std::vector<Array<float>>&);
template void cpu_chunk(const Call<double>&, std::vector<Array<double>>&);

template <typename T>
void cpu_concat(const Call<T>& call, std::vector<Array<T>>& out) {
  const std::size_t axis = axis_of(call.attributes(), out[0].shape);
  std::int64_t from = 0;
  for (std::size_t i = 0; i < call.count("xs"); ++i) {
    const Array<T>& part = call.value("xs", i);
    for_each_run(out[0], part, axis, from,
                 [&](std::int64_t in_whole, std::int64_t in_part, std::int64_t run) {
                   std::copy_n(part.data.begin() + in_part, run, out[0].data.begin() + in_whole);
                 });
    from += part.shape[axis];
  }
}
template void cpu_concat(const Call<float>&, std::vector<Array<float>>&);
template void cpu_concat(const Call<double>&, std::vector<Array<double>>&);

template <typename T>
void cpu_reshape(const Call<T>& call, std::vector<Array<T>>& out) {
  out[0].data = call.value("x").data;
}
template void cpu_reshape(const Call<float>&, std::vector<Array<float>>&);
template void cpu_reshape(const Call<double>&, std::vector<Array<double>>&);

template <typename T>
void cpu_transpose(const Call<T>& call, std::vector<Array<T>>& out) {
  const Array<T>& x = call.value("x");
  const auto axes = call.attributes().integers("axes", {});
  Shape strides;
  for (const auto axis : axes)
    strides.push_back(product(x.shape, static_cast<std::size_t>(axis) + 1, x.shape.size()));
  for (std::size_t i = 0; i < x.size(); ++i) {
    auto rest = static_cast<std::int64_t>(i);
    std::int64_t from = 0;
    for (std::size_t a = axes.size(); a-- > 0;) {
      from += rest % out[0].shape[a] * strides[a];
      rest /= out[0].shape[a];
    }
    out[0][i] = x[static_cast<std::size_t>(from)];
  }
}
template void cpu_transpose(const Call<float>&, std::vector<Array<float>>&);
template void cpu_transpose(const Call<double>&, std::vector<Array<double>>&);

// [B, C, D, H, W] to [B * places, C * patch]: each patch flattened as (channel, depth, height, width).
template <typename T>
void cpu_patches(const Call<T>& call, std::vector<Array<T>>& out) {
  const Array<T>& x = call.value("x");
  const auto patch = call.attributes().integers("patch", {});
  const Shape places = {x.shape[2] / patch[0], x.shape[3] / patch[1], x.shape[4] / patch[2]};
  const std::int64_t all = places[0] * places[1] * places[2];
  const std::int64_t pixels = patch[0] * patch[1] * patch[2];
  const std::int64_t channels = x.shape[1];
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::int64_t row = static_cast<std::int64_t>(i) / (channels * pixels);
    const std::int64_t column = static_cast<std::int64_t>(i) % (channels * pixels);
    const std::int64_t place = row % all;
    const std::int64_t pixel = column % pixels;
    const std::int64_t d = place / (places[1] * places[2]) * patch[0] + pixel / (patch[1] * patch[2]);
    const std::int64_t h = place / places[2] % places[1] * patch[1] + pixel / patch[2] % patch[1];
    const std::int64_t w = place % places[2] * patch[2] + pixel % patch[2];
    const std::int64_t channel = row / all * channels + column / pixels;
    out[0][i] = x[static_cast<std::size_t>(((channel * x.shape[2] + d) * x.shape[3] + h) * x.shape[4] + w)];
  }
}
template void cpu_patches(const Call<float>&, std::vector<Array<float>>&);
template void cpu_patches(const Call<double>&, std::vector<Array<double>>&);

template <typename T>
void cpu_embedding(const Call<T>& call, std::vector<Array<T>>& out) {
  const Array<T>& ids = call.value("ids");
  const Weight& table = *call.weight("weight");
  const auto columns = static_cast<std::size_t>(table.shape().back());
  std::vector<float> row(columns);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto id = static_cast<std::int64_t>(ids[i]);
    if (id < 0 || id >= table.shape().front()) throw std::out_of_range("the embedding has no such row");
    table.read(static_cast<std::size_t>(id) * columns, columns, row.data());
    std::copy(row.begin(), row.end(), out[0].data.begin() + static_cast<std::ptrdiff_t>(i * columns));
  }
}
template void cpu_embedding(const Call<float>&, std::vector<Array<float>>&);
template void cpu_embedding(const Call<double>&, std::vector<Array<double>>&);

}  // namespace tenon
