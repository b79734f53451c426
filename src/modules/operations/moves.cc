// Operations that move elements and do no arithmetic: the bound of what they move moves along.

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <stdexcept>

#include "modules/cuda/gpu_call.h"
#include "modules/operation.h"

namespace tenon {
namespace {

using Kind = Parameter::Kind;

std::int64_t product(const Shape& shape, std::size_t from, std::size_t to) {
  std::int64_t n = 1;
  for (std::size_t i = from; i < to; ++i) n *= shape[i];
  return n;
}

std::size_t axis_of(const Attributes& attributes, const Shape& shape) {
  const std::int64_t axis = attributes.integer("dim");
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

template <typename T>
void cpu_reshape(const Call<T>& call, std::vector<Array<T>>& out) {
  out[0].data = call.value("x").data;
}

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

std::vector<Shape> chunk_shapes(const ShapeCall& c) {
  const std::size_t a = c.axis("x");
  const auto count = static_cast<std::int64_t>(c.outputs);
  auto sizes = c.attributes.integers("sizes", {});
  if (sizes.empty()) {
    require(c.of("x")[a] % count == 0, "x cannot be cut into equal parts");
    sizes.assign(c.outputs, c.of("x")[a] / count);
  }
  require(sizes.size() == c.outputs, "there are as many sizes as results");
  require(std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0}) == c.of("x")[a] &&
              *std::min_element(sizes.begin(), sizes.end()) >= 0,
          fmt::format("the sizes do not add up to {}", c.of("x")[a]));
  std::vector<Shape> out;
  for (const auto size : sizes) {
    out.push_back(c.of("x"));
    out.back()[a] = size;
  }
  return out;
}
std::vector<Shape> concat_shapes(const ShapeCall& c) {
  const std::size_t a = c.axis("xs");
  Shape out = c.of("xs");
  for (std::size_t i = 1; i < c.step.operands.at("xs").size(); ++i) {
    Shape other = c.of("xs", i);
    require(other.size() == out.size(), "the parts differ in their axes");
    out[a] += other[a];
    other[a] = out[a];
    require(other == out, "the parts differ outside the joined axis");
  }
  return {out};
}
std::vector<Shape> reshape_shapes(const ShapeCall& c) {
  Shape out = c.attributes.integers("shape", {});
  std::int64_t known = 1;
  for (const auto extent : out) known *= extent == -1 ? 1 : extent;
  const auto all = static_cast<std::int64_t>(element_count(c.of("x")).value_or(0));
  const auto open = std::find(out.begin(), out.end(), -1);
  if (open != out.end() && known > 0) *open = all / known;
  require(static_cast<std::int64_t>(element_count(out).value_or(0)) == all,
          fmt::format("{} does not hold the elements of {}", to_string(out), to_string(c.of("x"))));
  return {out};
}
std::vector<Shape> transpose_shapes(const ShapeCall& c) {
  const auto axes = c.attributes.integers("axes", {});
  auto sorted = axes;
  std::sort(sorted.begin(), sorted.end());
  Shape out;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    require(sorted[i] == static_cast<std::int64_t>(i), "'axes' names every axis of x once");
  }
  require(axes.size() == c.of("x").size(), "'axes' names every axis of x once");
  for (const auto a : axes) out.push_back(c.of("x")[static_cast<std::size_t>(a)]);
  return {out};
}
std::vector<Shape> patches_shapes(const ShapeCall& c) {
  c.rank("x", 5);
  const auto patch = c.attributes.integers("patch", {});
  require(patch.size() == 3, "'patch' has three extents");
  std::int64_t places = c.of("x")[0];
  std::int64_t pixels = c.of("x")[1];
  for (std::size_t i = 0; i < 3; ++i) {
    require(patch[i] > 0 && c.of("x")[i + 2] % patch[i] == 0, "x is no whole number of patches");
    places *= c.of("x")[i + 2] / patch[i];
    pixels *= patch[i];
  }
  return {{places, pixels}};
}
std::vector<Shape> embedding_shapes(const ShapeCall& c) {
  c.rank("weight", 2);
  Shape out = c.of("ids");
  out.push_back(c.of("weight")[1]);
  return {out};
}
std::int64_t product_of(const std::int64_t* from, const std::int64_t* to) {
  std::int64_t n = 1;
  for (; from != to; ++from) n *= *from;
  return n;
}

// Copies between a whole and the part of it that begins at `from` along an axis.
void copy_part(GpuCall& c, const tenon_tensor& whole, const Shape& whole_shape, const tenon_tensor& part,
               const Shape& part_shape, std::int64_t from, bool into_whole) {
  const std::int64_t given = c.attributes.integer("dim");
  const auto rank = static_cast<std::int64_t>(whole_shape.size());
  const std::int64_t* const at = whole_shape.data() + (given < 0 ? given + rank : given);
  const std::int64_t inner = product_of(at + 1, whole_shape.data() + rank);
  const std::int64_t run = part_shape[static_cast<std::size_t>(at - whole_shape.data())] * inner;
  const std::int64_t pitch = *at * inner;
  tenon_copy_args args{};
  args.rank = 2;
  args.x = flat(into_whole ? part : whole), args.out = flat(into_whole ? whole : part);
  args.extents[0] = product_of(whole_shape.data(), at), args.extents[1] = run;
  args.x_strides[0] = into_whole ? run : pitch, args.x_strides[1] = 1;
  args.out_strides[0] = into_whole ? pitch : run, args.out_strides[1] = 1;
  (into_whole ? args.out_offset : args.x_offset) = from * inner;
  c.queue(c.api().copy, args);
}

std::int64_t extent_along(const GpuCall& c, const Shape& shape) {
  const std::int64_t axis = c.attributes.integer("dim");
  return shape[static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(shape.size()) : axis)];
}
// The copy of a tensor whose element i stands at i . strides of x.
void copy_strided(GpuCall& c, const Shape& extents, const Shape& strides) {
  tenon_copy_args args{};
  args.x = flat(c.in("x")), args.out = flat(c.out());
  args.rank = static_cast<std::int32_t>(extents.size());
  std::int64_t dense = 1;
  for (std::size_t i = extents.size(); i-- > 0;) {
    args.extents[i] = extents[i];
    args.x_strides[i] = strides[i];
    args.out_strides[i] = dense;
    dense *= extents[i];
  }
  c.queue(c.api().copy, args);
}

bool gpu_chunk(GpuCall& c) {
  std::int64_t from = 0;
  for (std::size_t i = 0; i < c.step.out.size(); ++i) {
    copy_part(c, c.in("x"), c.shape_of("x"), c.out(i), c.out_shape(i), from, false);
    from += extent_along(c, c.out_shape(i));
  }
  return true;
}

bool gpu_concat(GpuCall& c) {
  std::int64_t from = 0;
  for (std::size_t i = 0; i < c.step.operands.at("xs").size(); ++i) {
    copy_part(c, c.out(), c.out_shape(), c.in("xs", i), c.shape_of("xs", i), from, true);
    from += extent_along(c, c.shape_of("xs", i));
  }
  return true;
}

bool gpu_reshape(GpuCall& c) {
  copy_strided(c, {element_count(c.in("x"))}, {1});
  return true;
}

bool gpu_transpose(GpuCall& c) {
  const Shape& shape = c.shape_of("x");
  Shape strides;
  for (const auto axis : c.attributes.integers("axes", {}))
    strides.push_back(product_of(shape.data() + axis + 1, shape.data() + shape.size()));
  copy_strided(c, c.out_shape(), strides);
  return true;
}

bool gpu_patches(GpuCall& c) {
  const Shape& x = c.shape_of("x");
  const auto patch = c.attributes.integers("patch", {});
  const std::int64_t row = x[4];
  const std::int64_t plane = x[3] * row;
  const std::int64_t volume = x[2] * plane;
  copy_strided(c,
               {x[0], x[2] / patch[0], x[3] / patch[1], x[4] / patch[2], x[1], patch[0], patch[1], patch[2]},
               {x[1] * volume, patch[0] * plane, patch[1] * row, patch[2], volume, plane, row, 1});
  return true;
}

bool gpu_embedding(GpuCall& c) {
  const tenon_tensor ids = c.in("ids");
  c.queue(c.api().embedding,
          tenon_embedding_args{reshaped(ids, {element_count(ids)}), c.in("weight"), matrix(c.out())});
  return true;
}

}  // namespace

std::vector<ModuleOperation> move_operations() {
  return {
      {.name = "chunk",
       .parameters = {{"x", Kind::kValue}, {"dim", Kind::kInteger}, {"sizes", Kind::kIntegers, false}},
       .outputs = 0,
       .shapes = chunk_shapes,
       .cpu = {cpu_chunk<double>, cpu_chunk<float>, nullptr},
       .gpu = gpu_chunk},
      {.name = "concat",
       .parameters = {{"xs", Kind::kValues}, {"dim", Kind::kInteger}},
       .shapes = concat_shapes,
       .cpu = {cpu_concat<double>, cpu_concat<float>, nullptr},
       .gpu = gpu_concat},
      {.name = "reshape",
       .parameters = {{"x", Kind::kValue}, {"shape", Kind::kIntegers}},
       .shapes = reshape_shapes,
       .cpu = {cpu_reshape<double>, cpu_reshape<float>, nullptr},
       .gpu = gpu_reshape,
       .role = Role::kReshape},
      {.name = "transpose",
       .parameters = {{"x", Kind::kValue}, {"axes", Kind::kIntegers}},
       .shapes = transpose_shapes,
       .cpu = {cpu_transpose<double>, cpu_transpose<float>, nullptr},
       .gpu = gpu_transpose},
      {.name = "patches",
       .parameters = {{"x", Kind::kValue}, {"patch", Kind::kIntegers}},
       .shapes = patches_shapes,
       .cpu = {cpu_patches<double>, cpu_patches<float>, nullptr},
       .gpu = gpu_patches},
      {.name = "embedding",
       .parameters = {{"ids", Kind::kIds}, {"weight", Kind::kWeight}},
       .shapes = embedding_shapes,
       .cpu = {cpu_embedding<double>, cpu_embedding<float>, nullptr},
       .gpu = gpu_embedding,
       .from_table = true},
  };
}

}  // namespace tenon
