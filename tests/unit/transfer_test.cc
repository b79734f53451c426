#include "engine/transfer.h"

#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "engine_fixture.h"

using namespace tenon;

namespace {

// Target byte -> source byte.
std::map<std::uint64_t, std::uint64_t> bytes_of(const Box& box, std::size_t depth = 0) {
  std::map<std::uint64_t, std::uint64_t> bytes;
  if (depth == box.loops.size()) {
    for (std::uint64_t i = 0; i < box.run; ++i) bytes[box.target_offset + i] = box.source_offset + i;
    return bytes;
  }
  Box inner = box;
  for (std::uint64_t i = 0; i < box.loops[depth].extent; ++i) {
    bytes.merge(bytes_of(inner, depth + 1));
    inner.source_offset += box.loops[depth].source_stride;
    inner.target_offset += box.loops[depth].target_stride;
  }
  return bytes;
}

}  // namespace

TEST_CASE("clipping a box keeps exactly the bytes of the range") {
  const std::vector<Box> boxes = {
      {5, 7, 10, {}},
      {0, 4, 2, {{5, 2, 24}, {4, 10, 2}}},  // a transpose into every third row
      {3, 0, 3, {{2, 200, 90}, {3, 3, 27}, {4, 30, 5}}},
      {0, 0, 1, {{3, 1, 4}, {4, 3, 3}}},  // loops that overlap each other's span
  };
  for (const Box& box : boxes) {
    const auto all = bytes_of(box);
    for (std::uint64_t begin = 0; begin < end_of(box) + 2; ++begin) {
      for (std::uint64_t end = begin + 1; end < end_of(box) + 3; ++end) {
        std::map<std::uint64_t, std::uint64_t> wanted(all.lower_bound(begin), all.lower_bound(end));
        std::map<std::uint64_t, std::uint64_t> got;
        std::size_t count = 0;
        clip(box, begin, end, [&](const Box& part) {
          const auto bytes = bytes_of(part);
          count += bytes.size();
          got.insert(bytes.begin(), bytes.end());
        });
        REQUIRE(got == wanted);
        REQUIRE(count == wanted.size());
      }
    }
  }
}

TEST_CASE("the inverse of a transfer takes every byte back") {
  const TemporaryFolder folder;
  HandMadeSource source(folder.path());
  Plan plan;
  const auto a = source.add("a", DType::kU16, {6, 10});
  const auto b = source.add("b", DType::kU16, {6, 10});
  source.add("unread", DType::kU8, {3});
  add_output(plan, "o",
             joined_view({permuted_view(a, DType::kU16, {6, 10}, {1, 0}),
                          permuted_view(b, DType::kU16, {6, 10}, {0, 1})},
                         true));
  const Transfer forward = make_transfer(plan, source.checkpoint);
  const Transfer inverse = invert(forward);
  REQUIRE(inverse.targets.size() == 3);
  CHECK(inverse.targets[2].pieces.empty());
  for (const BytePiece& piece : forward.targets[0].pieces) {
    for (const auto& [target, from] : bytes_of(piece.box)) {
      std::set<std::uint64_t> back;
      for (const BytePiece& other : inverse.targets[piece.source].pieces) {
        clip(other.box, from, from + 1, [&](const Box& box) { back.insert(box.source_offset); });
      }
      CHECK(back == std::set<std::uint64_t>{target});
    }
  }
}
