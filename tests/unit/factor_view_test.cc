// Views of weights taken apart into products of rows and columns, and told from those that are none.
#include "adapters/factor_view.h"

#include <catch2/catch.hpp>
#include <random>

#include "adapters/follow_pairs.h"
#include "adapters/place_rows.h"
#include "tensor/view_operations.h"

using namespace tenon;

namespace {

// Which element of which source stands at each place of a view: -1 for zeros.
std::vector<std::pair<int, std::int64_t>> elements(const View& view) {
  std::vector<std::pair<int, std::int64_t>> out(static_cast<std::size_t>(element_count(view.shape).value()),
                                                {-1, 0});
  for (const Piece& piece : copies_of(view)) {
    std::vector<std::int64_t> at(piece.loops.size(), 0);
    for (bool more = true; more;) {
      std::int64_t source = piece.source_offset;
      std::int64_t output = piece.output_offset;
      for (std::size_t i = 0; i < at.size(); ++i) {
        source += at[i] * piece.loops[i].source_stride;
        output += at[i] * piece.loops[i].output_stride;
      }
      out[static_cast<std::size_t>(output)] = {static_cast<int>(piece.source), source};
      more = false;
      for (std::size_t i = at.size(); i-- > 0 && !more;) {
        more = ++at[i] < piece.loops[i].extent;
        if (!more) at[i] = 0;
      }
    }
  }
  return out;
}

// What the links say stands there.
std::vector<std::pair<int, std::int64_t>> elements(const std::vector<Link>& links, const Matrices& shape,
                                                   const std::vector<Matrices>& sources) {
  std::vector<std::pair<int, std::int64_t>> out(
      static_cast<std::size_t>(shape.batches * shape.rows * shape.columns), {-1, 0});
  for (const Link& link : links) {
    const Matrices& source = sources[link.source];
    for (std::int64_t i = 0; i < source.rows; ++i) {
      for (std::int64_t j = 0; j < source.columns; ++j) {
        const std::int64_t row = link.rows[static_cast<std::size_t>(i)];
        const std::int64_t column = link.columns[static_cast<std::size_t>(j)];
        if (row < 0 || column < 0) continue;
        const std::int64_t place = link.turned ? column * shape.columns + row : row * shape.columns + column;
        auto& there = out[static_cast<std::size_t>(link.batch * shape.rows * shape.columns + place)];
        CHECK(there.first == -1);
        there = {static_cast<int>(link.source), (link.source_batch * source.rows + i) * source.columns + j};
      }
    }
  }
  return out;
}

}  // namespace

TEST_CASE("what is joined, cut, turned, dealt out and stacked comes apart into products", "[adapters]") {
  std::mt19937 random(11);
  const auto pick = [&](int n) { return static_cast<std::int64_t>(random() % static_cast<unsigned>(n)); };
  for (int round = 0; round < 400; ++round) {
    const std::int64_t columns = 2 * (1 + pick(4));
    std::vector<View> parts;
    std::vector<Matrices> sources;
    for (std::uint32_t s = 0; s < 1 + static_cast<std::uint32_t>(pick(3)); ++s) {
      const std::int64_t rows = 2 * (1 + pick(4));
      sources.push_back({1, rows, columns});
      View view = identity_view(s, DType::kF32, {rows, columns});
      if (pick(2) == 0) view = regroup(view, 0, 2, rows / 2);
      parts.push_back(std::move(view));
    }
    View view = concatenate(parts, 0);
    if (pick(2) == 0) view = regroup(view, 1, columns / 2, 2);
    if (pick(2) == 0) view = permute(view, {1, 0});
    if (pick(2) == 0) view = cut(view, 0, {view.shape[0] / 2, view.shape[0] - view.shape[0] / 2})[1];
    if (pick(2) == 0) view = concatenate({view, zero_view(DType::kF32, {3, view.shape[1]})}, 0);
    const Matrices shape{1, view.shape[0], view.shape[1]};
    const auto links = factor_view(view, shape, sources);
    REQUIRE(links);
    CHECK(elements(*links, shape, sources) == elements(view));
  }
}

TEST_CASE("stacked matrices are one link each", "[adapters]") {
  const std::vector<Matrices> sources(3, {1, 4, 6});
  std::vector<View> experts;
  for (std::uint32_t s = 0; s < 3; ++s) experts.push_back(identity_view(s, DType::kF32, {4, 6}));
  const View view = permute(stack(experts, 0), {0, 2, 1});
  const Matrices shape{3, 6, 4};
  const auto links = factor_view(view, shape, sources);
  REQUIRE(links);
  REQUIRE(links->size() == 3);
  CHECK((*links)[1].turned);
  CHECK((*links)[1].batch == 1);
  CHECK(elements(*links, shape, sources) == elements(view));
}

TEST_CASE("a reshape across rows and columns is no product", "[adapters]") {
  const View view = reshape(identity_view(0, DType::kF32, {4, 6}), {6, 4});
  CHECK_FALSE(factor_view(view, {1, 6, 4}, {{1, 4, 6}}));
  // Half of a row only, for some rows.
  View ragged = identity_view(0, DType::kF32, {4, 6});
  ragged.pieces[0].loops[0].extent = 21;
  ragged.shape = {21, 1};
  CHECK_FALSE(factor_view(ragged, {1, 21, 1}, {{1, 4, 6}}));
}

TEST_CASE("rows go to their places, and what has none is found", "[adapters]") {
  const View a = identity_view(0, DType::kF32, {4, 2});
  const View b = identity_view(1, DType::kF32, {2, 2});
  const std::vector<std::int64_t> of_a{4, 2, -1, 0};
  const std::vector<std::int64_t> of_b{1, 5};
  const View placed = place_rows({{&a, &of_a}, {&b, &of_b}}, 6);
  const auto found = elements(placed);
  CHECK(placed.shape == Shape{6, 2});
  CHECK(found[0] == std::pair(0, std::int64_t{6}));
  CHECK(found[2] == std::pair(1, std::int64_t{0}));
  CHECK(found[5] == std::pair(0, std::int64_t{3}));
  CHECK(found[6].first == -1);
  CHECK(found[8] == std::pair(0, std::int64_t{0}));
  const auto rest = rows_without_place(a, of_a);
  REQUIRE(rest.size() == 1);
  CHECK(rest[0].source_offset == 4);
  CHECK(element_count(rest[0]) == 2);
}

TEST_CASE("alpha grows with the rank so that the scale stays", "[adapters]") {
  CHECK(alpha_for(8, 4, 12, false) == 24);
  CHECK(alpha_for(16, 16, 16, true) == 16);
  CHECK(alpha_for(16, 4, 16, true) == 32);
  const auto root = alpha_for(16, 8, 24, true);
  REQUIRE(root);
  CHECK(*root / std::sqrt(24.0) == 16 / std::sqrt(8.0));
}
