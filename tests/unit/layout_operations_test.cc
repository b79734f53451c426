// The layout operations as rules write them, against xtensor: random chains of them on tensors whose elements
// are all different, there and back.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <random>
#include <xtensor/xadapt.hpp>
#include <xtensor/xarray.hpp>
#include <xtensor/xbuilder.hpp>
#include <xtensor/xmanipulation.hpp>
#include <xtensor/xview.hpp>

#include "../element_walk.h"
#include "rules/invert.h"
#include "rules/operations/bundles.h"
#include "rules/operations/layout_operation.h"
#include "rules/parse_operation.h"

using namespace tenon;
using Catch::Contains;

namespace {

using Array = xt::xarray<std::int64_t>;
using Random = std::mt19937;

constexpr std::int64_t kBase = 1'000'000;

Operation layout_operation(const std::string& text) {
  Diagnostics diagnostics;
  const YamlFile yaml(text, "operation.yaml", diagnostics);
  const auto parsed = parse_operation(yaml, yaml.root(), diagnostics);
  diagnostics.throw_if_errors();
  return parsed.value();
}

// One converter on its way, with what it finds out.
struct Bench {
  Transform transform;
  Facts known;
  Facts found;
  std::vector<LayoutAssumption> assumptions;
  std::vector<std::string> notes;
  std::vector<CutOff> cuts;
  std::string key = "k";

  Bench(std::size_t sources, std::size_t targets) {
    transform.kind = TransformKind::kWeightConverter;
    for (std::size_t i = 0; i < sources; ++i) transform.source_patterns.push_back("s" + std::to_string(i));
    for (std::size_t i = 0; i < targets; ++i) transform.target_patterns.push_back("t" + std::to_string(i));
  }

  void run(const std::vector<Operation>& operations, bool to_fused, std::vector<Entry>& entries) {
    OperationContext context{transform, key, to_fused, known, assumptions, found, notes, cuts};
    for (std::size_t i = 0; i < operations.size(); ++i) {
      context.position = transform.inverted ? operations.size() - 1 - i : i;
      apply_operation(operations[i], context, entries);
    }
  }
};

std::vector<std::int64_t> elements_of(const View& view) {
  std::int64_t count = 1;
  for (const auto e : view.shape) count *= e;
  std::vector<std::int64_t> out(static_cast<std::size_t>(count), -1);
  for (const auto& piece : view.pieces) {
    for_each_element(piece, [&](std::int64_t from, std::int64_t to) {
      auto& element = out.at(static_cast<std::size_t>(to));
      if (element != -1) throw std::runtime_error("an element is covered twice");
      element = is_zero(piece) ? 0 : (piece.source + 1) * kBase + from;
    });
  }
  return out;
}

Array numbered(std::uint32_t source, const Shape& shape) {
  std::int64_t count = 1;
  for (const auto e : shape) count *= e;
  Array a = xt::arange<std::int64_t>(count) + (static_cast<std::int64_t>(source) + 1) * kBase;
  a.reshape(std::vector<std::size_t>(shape.begin(), shape.end()));
  return a;
}

bool holds(const View& view, const Array& array) {
  const auto got = elements_of(view);
  return view.shape == Shape(array.shape().begin(), array.shape().end()) && got.size() == array.size() &&
         std::equal(got.begin(), got.end(), array.begin());
}

std::size_t below(Random& random, std::size_t n) {
  return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
}

std::vector<std::size_t> sizes_of(const Array& a) {
  return {a.shape().begin(), a.shape().end()};
}

Array reshaped_to(Array a, std::vector<std::size_t> shape) {
  a.reshape(shape);
  return a;
}

std::size_t divisor(Random& random, std::size_t n) {
  std::vector<std::size_t> all;
  for (std::size_t d = 1; d <= n; ++d) {
    if (n % d == 0) all.push_back(d);
  }
  return all[below(random, all.size())];
}

// One operation on one tensor, and what NumPy would make of it.
struct Step {
  std::string text;
  Array result;
};

Step reshape_step(Random& random, const Array& a) {
  std::vector<std::size_t> shape = sizes_of(a);
  const std::size_t dim = below(random, shape.size());
  const std::size_t first = divisor(random, shape[dim]);
  shape[dim] /= first;
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(dim), first);
  std::vector<std::string> texts;
  for (const auto e : shape) texts.push_back(std::to_string(e));
  if (below(random, 2) == 0) texts[below(random, texts.size())] = "-1";
  return {fmt::format("Reshape: {{shape: [{}]}}", fmt::join(texts, ", ")), reshaped_to(a, shape)};
}

Step permute_step(Random& random, const Array& a) {
  std::vector<std::size_t> order(a.dimension());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), random);
  return {fmt::format("Permute: {{dims: [{}]}}", fmt::join(order, ", ")), xt::transpose(a, order)};
}

Step pad_step(Random& random, const Array& a) {
  std::vector<std::size_t> shape = sizes_of(a);
  const std::size_t dim = below(random, shape.size());
  const std::size_t more = below(random, 4);
  const std::string text = fmt::format("Pad: {{dim: {}, to: {}}}", dim, shape[dim] + more);
  if (more == 0) return {text, a};
  shape[dim] = more;
  const Array zeros = xt::zeros<std::int64_t>(shape);
  return {text, xt::concatenate(xt::xtuple(a, zeros), dim)};
}

Step slice_step(Random& random, const Array& a) {
  const std::size_t dim = below(random, a.dimension());
  const std::size_t kept = 1 + below(random, a.shape()[dim]);
  xt::xstrided_slice_vector slices(a.dimension(), xt::all());
  slices[dim] = xt::range(0, static_cast<std::int64_t>(kept));
  return {fmt::format("Slice: {{dim: {}, to: {}}}", dim, kept), Array(xt::strided_view(a, slices))};
}

// Each head's first `turning` rows, pairs to halves, the plain way.
Step rope_step(Random& random, const Array& a) {
  const std::size_t rows = a.shape()[0];
  const std::size_t heads = divisor(random, rows);
  const std::size_t each = rows / heads;
  const std::size_t turning = each / 2 == 0 ? 0 : 2 * below(random, each / 2 + 1);
  if (turning == 0)
    return {fmt::format("Permute: {{dims: [{}]}}", fmt::join(std::vector<int>{0, 1, 2}, ", ")), a};
  Array out = a;
  const std::size_t inner = a.size() / rows;
  for (std::size_t row = 0; row < rows; ++row) {
    const std::size_t head = row / each;
    const std::size_t in_head = row % each;
    // row i of the result is row (i % half) * 2 + i / half of the tensor
    const std::size_t half = turning / 2;
    const std::size_t from = in_head < turning ? (in_head % half) * 2 + in_head / half : in_head;
    for (std::size_t i = 0; i < inner; ++i)
      out.flat(row * inner + i) = a.flat((head * each + from) * inner + i);
  }
  return {fmt::format("PermuteForRope: {{heads: {}, rotary_dim: {}}}", heads, turning), out};
}

Step one_step(Random& random, const Array& a) {
  switch (below(random, 5)) {
    case 0:
      return reshape_step(random, a);
    case 1:
      return permute_step(random, a);
    case 2:
      return pad_step(random, a);
    case 3:
      return slice_step(random, a);
    default:
      return a.dimension() == 3 ? rope_step(random, a) : permute_step(random, a);
  }
}

// The way back of a chain: elements that were cut off come back as zeros.
Array with_zeros(Array a, const std::vector<CutOff>& cuts) {
  for (const auto& cut : cuts) {
    for (const auto& piece : copies_of(cut.view))
      for_each_element(piece,
                       [&](std::int64_t from, std::int64_t) { a.flat(static_cast<std::size_t>(from)) = 0; });
  }
  return a;
}

}  // namespace

TEST_CASE("random chains of layout operations agree with xtensor, there and back", "[operations]") {
  int steps = 0;
  for (unsigned seed = 0; seed < 2000; ++seed) {
    Random random(seed);
    Shape shape(1 + below(random, 3));
    for (auto& e : shape) e = static_cast<std::int64_t>(1 + below(random, 8));
    if (below(random, 2) == 0) shape = {static_cast<std::int64_t>(4 * (1 + below(random, 4))), 2, 3};
    const Array source = numbered(0, shape);
    Array wanted = source;
    std::vector<Operation> operations;
    for (std::size_t i = 1 + below(random, 5); i > 0; --i) {
      Step step = one_step(random, wanted);
      operations.push_back(layout_operation(step.text));
      wanted = std::move(step.result);
      ++steps;
    }
    Bench there(1, 1);
    std::vector<Entry> entries = {{false, 0, {}, {identity_view(0, DType::kF32, shape)}, {}}};
    there.run(operations, true, entries);
    INFO("seed " << seed);
    REQUIRE(holds(entries.front().views.front(), wanted));

    Bench back(1, 1);
    back.transform.inverted = true;
    back.known = there.found;
    std::vector<Operation> inverse;
    for (auto o = operations.rbegin(); o != operations.rend(); ++o) inverse.push_back(invert(*o));
    back.run(inverse, false, entries);
    REQUIRE(holds(entries.front().views.front(), with_zeros(source, there.cuts)));
  }
  CHECK(steps > 4000);
}

TEST_CASE("parts dealt out by groups agree with xtensor, and come back", "[operations]") {
  for (unsigned seed = 0; seed < 500; ++seed) {
    Random random(seed);
    const std::size_t groups = 1 + below(random, 4);
    const std::size_t parts = 2 + below(random, 2);
    Shape shape(1 + below(random, 3));
    for (auto& e : shape) e = static_cast<std::int64_t>(1 + below(random, 4));
    const std::size_t dim = below(random, shape.size());
    std::vector<Array> arrays;
    std::vector<Entry> entries;
    for (std::uint32_t i = 0; i < parts; ++i) {
      shape[dim] = static_cast<std::int64_t>(groups * (1 + below(random, 3)));
      arrays.push_back(numbered(i, shape));
      entries.push_back({false, i, {}, {identity_view(i, DType::kF32, shape)}, {}});
    }
    // the first piece of every part, then the second of every part, and so on
    std::optional<Array> wanted;
    for (std::size_t g = 0; g < groups; ++g) {
      for (const Array& a : arrays) {
        const auto each = static_cast<std::int64_t>(a.shape()[dim] / groups);
        xt::xstrided_slice_vector slices(shape.size(), xt::all());
        slices[dim] = xt::range(static_cast<std::int64_t>(g) * each, static_cast<std::int64_t>(g + 1) * each);
        const Array piece = xt::strided_view(a, slices);
        if (wanted) {
          const Array so_far = *wanted;
          wanted = Array(xt::concatenate(xt::xtuple(so_far, piece), dim));
        } else {
          wanted = piece;
        }
      }
    }
    const Operation join = layout_operation(fmt::format("Concatenate: {{dim: {}, groups: {}}}", dim, groups));
    Bench there(parts, 1);
    there.run({join}, true, entries);
    INFO("seed " << seed);
    REQUIRE(holds(entries.front().views.front(), *wanted));

    Bench back(1, parts);
    back.transform.inverted = true;
    back.known = there.found;
    back.run({invert(join)}, false, entries);
    REQUIRE(entries.size() == parts);
    for (std::uint32_t i = 0; i < parts; ++i) CHECK(is_identity(entries[i].views.front(), i));
  }
}

TEST_CASE("lists of lists stack from the inside, and come apart from the outside", "[operations]") {
  Entry list{false, 0, {}, {}, {3, 2}};
  for (std::uint32_t i = 0; i < 6; ++i) list.views.push_back(identity_view(i, DType::kF32, {4, 5}));
  std::vector<Entry> entries = {list};
  const Operation inner = layout_operation("MergeModulelist: {dim: 1, start: 1}");
  const Operation outer = layout_operation("MergeModulelist: {dim: 0, start: 3, stride: 2}");
  Bench there(1, 1);
  there.run({inner, outer}, true, entries);
  REQUIRE(entries.front().views.front().shape == Shape{3, 4, 2, 5});

  Bench back(1, 1);
  back.transform.inverted = true;
  back.run({invert(outer), invert(inner)}, false, entries);
  REQUIRE(entries.size() == 6);
  for (std::uint32_t i = 0; i < 6; ++i) {
    CHECK(is_identity(entries[i].views.front(), i));
    CHECK(entries[i].index == std::vector<std::int64_t>{3 + 2 * (i / 2), 1 + i % 2});
  }
}

TEST_CASE("an operation that does not fit its tensor says the numbers", "[operations]") {
  const auto error_of = [](const std::string& text, const Shape& shape, std::size_t targets = 1) {
    Bench bench(1, targets);
    std::vector<Entry> entries = {{false, 0, {}, {identity_view(0, DType::kF32, shape)}, {}}};
    try {
      bench.run({layout_operation(text)}, true, entries);
    } catch (const OperationError& e) {
      return e.message + " / " + e.hint;
    }
    return std::string("none");
  };
  CHECK_THAT(error_of("Chunk: {dim: 0, groups: 5}", {96, 4}, 3), Contains("32") && Contains("5 groups"));
  CHECK_THAT(error_of("Reshape: {shape: [5, -1]}", {4, 6}), Contains("[4, 6]") && Contains("[5, -1]"));
  CHECK_THAT(error_of("Reshape: {shape: [4, 6], from: [2, 12]}", {4, 6}),
             Contains("[2, 12]") && Contains("`from`"));
  CHECK_THAT(error_of("Permute: {dims: [1, 0]}", {2, 3, 4}), Contains("[2, 3, 4]"));
  CHECK_THAT(error_of("Pad: {dim: 0, to: 3}", {4, 6}), Contains("more than 3"));
  CHECK_THAT(error_of("Pad: {dim: 0, to: 8, from: 5}", {4, 6}), Contains("`from: 5`"));
  CHECK_THAT(error_of("Slice: {dim: 1, to: 7}", {4, 6}), Contains("less than 7"));
  CHECK_THAT(error_of("PermuteForRope: {heads: 3}", {8, 6}), Contains("3 heads"));
  CHECK_THAT(error_of("PermuteForRope: {heads: 2, rotary_dim: 3}", {8, 6}), Contains("rotary_dim 3"));
  CHECK(error_of("PermuteForRope: {heads: 2, rotary_dim: 2}", {8, 6}) == "none");
}

TEST_CASE("what does not say enough is refused where it is written", "[operations]") {
  const auto error_of = [](const std::string& text) {
    try {
      layout_operation(text);
    } catch (const UserError& e) {
      return std::string(e.diagnostics().front().message);
    }
    return std::string("none");
  };
  CHECK_THAT(error_of("Reshape: {from: [2]}"), Contains("'shape'"));
  CHECK_THAT(error_of("Reshape: {shape: [-1, 2, -1]}"), Contains("not two"));
  CHECK_THAT(error_of("Reshape: {shape: [0, 2]}"), Contains("positive integers"));
  CHECK_THAT(error_of("Permute: {dims: [0, 0]}"), Contains("each dimension once"));
  CHECK_THAT(error_of("Permute: {dims: [0, 2]}"), Contains("each dimension once"));
  CHECK_THAT(error_of("Pad: {dim: 0}"), Contains("'to'"));
  CHECK_THAT(error_of("MergeModulelist: {start: -1}"), Contains("from 0 on"));
  CHECK_THAT(error_of("MergeModulelist: {stride: 0}"), Contains("positive integers"));
  CHECK(error_of("Permute: {dims: [-1, 0, 1]}") == "none");
}
