// The view algebra against xtensor: random chains of operations on tensors whose elements are all different,
// so that a single element out of place is seen.
#include "tensor/view.h"

#include <array>
#include <catch2/catch.hpp>
#include <random>
#include <xtensor/xadapt.hpp>
#include <xtensor/xarray.hpp>
#include <xtensor/xbuilder.hpp>
#include <xtensor/xmanipulation.hpp>
#include <xtensor/xview.hpp>

#include "../element_walk.h"
#include "tensor/view_operations.h"

using namespace tenon;

namespace {

using Array = xt::xarray<std::int64_t>;
using Random = std::mt19937;

// A view and what it must hold: element i of source s is the number s * 1'000'000 + i.
struct Case {
  View view;
  Array array;
};

constexpr std::int64_t kSourceBase = 1'000'000;
// What stands for the zeros that padding adds: no element of a source is that.
constexpr std::int64_t kZero = -2;

Shape shape_of(const Array& a) {
  return {a.shape().begin(), a.shape().end()};
}

Case source(std::uint32_t index, const Shape& shape, DType dtype = DType::kF32) {
  std::int64_t count = 1;
  for (const auto e : shape) count *= e;
  Array a = xt::arange<std::int64_t>(count) + static_cast<std::int64_t>(index) * kSourceBase;
  a.reshape(std::vector<std::size_t>(shape.begin(), shape.end()));
  return {identity_view(index, dtype, shape), a};
}

// What the view's pieces say, with every element covered exactly once.
std::vector<std::int64_t> contents(const View& view) {
  std::int64_t count = 1;
  for (const auto e : view.shape) count *= e;
  std::vector<std::int64_t> out(static_cast<std::size_t>(count), -1);
  for (const auto& piece : view.pieces) {
    for_each_element(piece, [&](std::int64_t from, std::int64_t to) {
      auto& element = out.at(static_cast<std::size_t>(to));
      if (element != -1) throw std::runtime_error("an element is covered twice");
      element = is_zero(piece) ? kZero : piece.source * kSourceBase + from;
    });
  }
  return out;
}

bool same(const Case& c) {
  const auto got = contents(c.view);
  return c.view.shape == shape_of(c.array) &&
         std::equal(got.begin(), got.end(), c.array.begin(), c.array.end());
}

std::size_t pick(Random& random, std::size_t below) {
  return std::uniform_int_distribution<std::size_t>(0, below - 1)(random);
}

Shape random_shape(Random& random) {
  Shape shape(1 + pick(random, 4));
  for (auto& e : shape) e = static_cast<std::int64_t>(1 + pick(random, 6));
  return shape;
}

Case permuted(Random& random, const Case& c) {
  std::vector<std::size_t> order(c.view.shape.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), random);
  return {permute(c.view, order), xt::transpose(c.array, order)};
}

Case one_part(Random& random, const Case& c) {
  const std::size_t dim = pick(random, c.view.shape.size());
  std::vector<std::int64_t> extents;
  for (std::int64_t left = c.view.shape[dim]; left > 0; left -= extents.back()) {
    extents.push_back(static_cast<std::int64_t>(1 + pick(random, static_cast<std::size_t>(left))));
  }
  const auto parts = cut(c.view, dim, extents);
  const std::size_t chosen = pick(random, parts.size());
  std::int64_t start = 0;
  for (std::size_t i = 0; i < chosen; ++i) start += extents[i];
  xt::xstrided_slice_vector slices(c.view.shape.size(), xt::all());
  slices[dim] = xt::range(start, start + extents[chosen]);
  return {parts[chosen], Array(xt::strided_view(c.array, slices))};
}

Case cut_and_joined(Random& random, const Case& c) {
  const std::size_t dim = pick(random, c.view.shape.size());
  std::vector<std::int64_t> extents;
  for (std::int64_t left = c.view.shape[dim]; left > 0; left -= extents.back()) {
    extents.push_back(static_cast<std::int64_t>(1 + pick(random, static_cast<std::size_t>(left))));
  }
  return {concatenate(cut(c.view, dim, extents), dim), c.array};
}

Case joined_with_another(Random& random, const Case& c, std::uint32_t next_source) {
  const std::size_t dim = pick(random, c.view.shape.size());
  Shape other = c.view.shape;
  other[dim] = static_cast<std::int64_t>(1 + pick(random, 4));
  const Case more = source(next_source, other, c.view.dtype);
  return {concatenate({c.view, more.view}, dim), xt::concatenate(xt::xtuple(c.array, more.array), dim)};
}

Case stacked_with_another(Random& random, const Case& c, std::uint32_t next_source) {
  const std::size_t dim = pick(random, c.view.shape.size() + 1);
  const Case more = source(next_source, c.view.shape, c.view.dtype);
  return {stack({c.view, more.view}, dim), xt::stack(xt::xtuple(c.array, more.array), dim)};
}

Case one_of_stack(Random& random, const Case& c) {
  const std::size_t dim = pick(random, c.view.shape.size());
  const auto parts = unstack(c.view, dim);
  const std::size_t chosen = pick(random, parts.size());
  xt::xstrided_slice_vector slices(c.view.shape.size(), xt::all());
  slices[dim] = static_cast<int>(chosen);
  return {parts[chosen], Array(xt::strided_view(c.array, slices))};
}

Case reshaped(Random& random, const Case& c) {
  std::int64_t count = 1;
  for (const auto e : c.view.shape) count *= e;
  Shape shape;
  for (std::int64_t left = count; left > 1;) {
    std::int64_t factor = static_cast<std::int64_t>(2 + pick(random, 6));
    while (factor < left && left % factor != 0) ++factor;
    factor = std::min(factor, left);
    shape.push_back(factor);
    left /= factor;
  }
  if (shape.empty()) shape = {1};
  std::shuffle(shape.begin(), shape.end(), random);
  Array a = c.array;
  a.reshape(std::vector<std::size_t>(shape.begin(), shape.end()));
  return {reshape(c.view, shape), a};
}

Case regrouped(Random& random, const Case& c) {
  const std::size_t dim = pick(random, c.view.shape.size());
  const std::int64_t n = c.view.shape[dim];
  std::vector<std::int64_t> divisors;
  for (std::int64_t d = 1; d <= n; ++d) {
    if (n % d == 0) divisors.push_back(d);
  }
  const std::int64_t first = divisors[pick(random, divisors.size())];
  std::vector<std::size_t> split(c.view.shape.begin(), c.view.shape.end());
  split[dim] = static_cast<std::size_t>(first);
  split.insert(split.begin() + static_cast<std::ptrdiff_t>(dim) + 1, static_cast<std::size_t>(n / first));
  Array a = c.array;
  a.reshape(split);
  std::vector<std::size_t> order(split.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::swap(order[dim], order[dim + 1]);
  Array swapped = xt::transpose(a, order);
  swapped.reshape(std::vector<std::size_t>(c.view.shape.begin(), c.view.shape.end()));
  return {regroup(c.view, dim, first, n / first), swapped};
}

// Zeros behind a dimension, as Pad adds them.
Case padded(Random& random, const Case& c) {
  const std::size_t dim = pick(random, c.view.shape.size());
  Shape zeros = c.view.shape;
  zeros[dim] = static_cast<std::int64_t>(1 + pick(random, 3));
  const Array added(std::vector<std::size_t>(zeros.begin(), zeros.end()), kZero);
  return {concatenate({c.view, zero_view(c.view.dtype, zeros)}, dim),
          xt::concatenate(xt::xtuple(c.array, added), dim)};
}

// Joined with another of its shape, group by group, as Concatenate does with `groups`.
Case dealt_out(Random& random, const Case& c, std::uint32_t next_source) {
  const std::size_t dim = pick(random, c.view.shape.size());
  std::vector<std::int64_t> divisors;
  for (std::int64_t d = 1; d <= c.view.shape[dim]; ++d) {
    if (c.view.shape[dim] % d == 0) divisors.push_back(d);
  }
  const std::int64_t groups = divisors[pick(random, divisors.size())];
  const Case more = source(next_source, c.view.shape, c.view.dtype);
  Shape by_group = c.view.shape;
  by_group[dim] /= groups;
  by_group.insert(by_group.begin() + static_cast<std::ptrdiff_t>(dim), groups);
  Shape whole = c.view.shape;
  whole[dim] *= 2;
  const auto shaped = [](Array a, const Shape& shape) {
    a.reshape(std::vector<std::size_t>(shape.begin(), shape.end()));
    return a;
  };
  const View joined = concatenate({reshape(c.view, by_group), reshape(more.view, by_group)}, dim + 1);
  // Pieces one by one here: the first group's of both, then the second's.
  const std::int64_t each = c.view.shape[dim] / groups;
  Array wanted;
  for (std::int64_t g = 0; g < groups; ++g) {
    xt::xstrided_slice_vector slices(c.view.shape.size(), xt::all());
    slices[dim] = xt::range(g * each, (g + 1) * each);
    const Array one = xt::strided_view(c.array, slices);
    const Array other = xt::strided_view(more.array, slices);
    const Array both = xt::concatenate(xt::xtuple(one, other), dim);
    wanted = g == 0 ? both : Array(xt::concatenate(xt::xtuple(wanted, both), dim));
  }
  return {reshape(joined, whole), shaped(wanted, whole)};
}

// The first rows of each head, those of even numbers before the others, as PermuteForRope turns them.
Case turned_heads(Random& random, const Case& c) {
  const std::int64_t rows = c.view.shape[0];
  std::vector<std::int64_t> counts;
  for (std::int64_t heads = 1; heads <= rows; ++heads) {
    if (rows % heads == 0 && rows / heads >= 2) counts.push_back(heads);
  }
  if (counts.empty()) return c;
  const std::int64_t heads = counts[pick(random, counts.size())];
  const std::int64_t each = rows / heads;
  const std::int64_t turning =
      2 * static_cast<std::int64_t>(1 + pick(random, static_cast<std::size_t>(each / 2)));
  Shape by_head = c.view.shape;
  by_head[0] = each;
  by_head.insert(by_head.begin(), heads);
  auto parts = cut(reshape(c.view, by_head), 1,
                   turning == each ? std::vector{each} : std::vector{turning, each - turning});
  parts[0] = regroup(parts[0], 1, turning / 2, 2);
  Array wanted = c.array;
  for (std::int64_t h = 0; h < heads; ++h) {
    for (std::int64_t row = 0; row < turning; ++row) {
      const std::int64_t from = row < turning / 2 ? 2 * row : 2 * (row - turning / 2) + 1;
      xt::view(wanted, h * each + row) = xt::view(c.array, h * each + from);
    }
  }
  return {reshape(concatenate(parts, 1), c.view.shape), wanted};
}

Case step(Random& random, const Case& c, std::uint32_t next_source) {
  switch (pick(random, 11)) {
    case 8:
      return padded(random, c);
    case 9:
      return dealt_out(random, c, next_source);
    case 10:
      return turned_heads(random, c);
    case 0:
      return permuted(random, c);
    case 1:
      return one_part(random, c);
    case 2:
      return cut_and_joined(random, c);
    case 3:
      return joined_with_another(random, c, next_source);
    case 4:
      return c.view.shape.size() < 5 ? stacked_with_another(random, c, next_source) : c;
    case 5:
      return c.view.shape.size() > 1 ? one_of_stack(random, c) : c;
    case 6:
      return reshaped(random, c);
    default:
      return regrouped(random, c);
  }
}

}  // namespace

TEST_CASE("random chains of operations agree with xtensor, element by element") {
  int steps = 0;
  for (unsigned seed = 0; seed < 3000; ++seed) {
    Random random(seed);
    // Of every size: elements of half a byte to eight bytes.
    constexpr std::array kDTypes = {DType::kF4, DType::kU8, DType::kBF16, DType::kF32, DType::kF64};
    Case c = source(0, random_shape(random), kDTypes[seed % kDTypes.size()]);
    const std::size_t length = 1 + pick(random, 6);
    for (std::uint32_t i = 1; i <= length; ++i) {
      c = step(random, c, i);
      ++steps;
      if (!same(c)) FAIL("seed " << seed << ", step " << i);
    }
  }
  CHECK(steps > 8000);
}

TEST_CASE("stacking and unstacking give the identity back, as does a permutation and its inverse") {
  for (unsigned seed = 0; seed < 200; ++seed) {
    Random random(seed);
    const Shape shape = random_shape(random);
    std::vector<View> views;
    for (std::uint32_t i = 0; i < 5; ++i) views.push_back(identity_view(i, DType::kBF16, shape));
    const std::size_t dim = pick(random, shape.size() + 1);
    const auto back = unstack(stack(views, dim), dim);
    for (std::uint32_t i = 0; i < 5; ++i) {
      CHECK(back[i].shape == shape);
      CHECK(is_identity(back[i], i));
    }
    std::vector<std::size_t> order(shape.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random);
    std::vector<std::size_t> inverse(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) inverse[order[i]] = i;
    CHECK(is_identity(permute(permute(views[0], order), inverse), 0));
  }
}

TEST_CASE("a renamed tensor and a stacked expert are one contiguous range each") {
  const View expert = identity_view(3, DType::kF32, {8, 4});
  CHECK(expert.pieces == std::vector<Piece>{{3, 0, 0, {{32, 1, 1}}}});
  const View stacked = stack({identity_view(0, DType::kF32, {8, 4}), expert}, 0);
  CHECK(stacked.pieces == std::vector<Piece>{{0, 0, 0, {{32, 1, 1}}}, {3, 0, 32, {{32, 1, 1}}}});
}

TEST_CASE("a transposed matrix is one piece of two loops") {
  const View turned = permute(identity_view(0, DType::kF16, {3, 5}), {1, 0});
  CHECK(turned.shape == Shape{5, 3});
  CHECK(turned.pieces == std::vector<Piece>{{0, 0, 0, {{5, 1, 3}, {3, 5, 1}}}});
}

TEST_CASE("parts that were cut run on again when they are joined") {
  const View whole = identity_view(0, DType::kF32, {6, 4});
  CHECK(concatenate(cut(whole, 0, {1, 2, 3}), 0).pieces == whole.pieces);
}

TEST_CASE("scalars and tensors without elements have views too") {
  CHECK(identity_view(0, DType::kF32, {}).pieces.size() == 1);
  const View empty = identity_view(0, DType::kF32, {0, 4});
  CHECK(empty.pieces.empty());
  CHECK(concatenate({empty, identity_view(1, DType::kF32, {2, 4})}, 0).pieces ==
        std::vector<Piece>{{1, 0, 0, {{8, 1, 1}}}});
  CHECK(cut(empty, 1, {1, 3})[1].shape == Shape{0, 3});
}

TEST_CASE("an identity has every element at its own place") {
  View view = identity_view(2, DType::kF32, {4, 4});
  CHECK(is_identity(view, 2));
  CHECK_FALSE(is_identity(view, 1));
  CHECK_FALSE(is_identity(permute(view, {1, 0}), 2));
  view.pieces[0].source_offset = 1;
  CHECK_FALSE(is_identity(view, 2));
}
