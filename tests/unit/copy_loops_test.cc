#include "engine/copy_loops.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <random>

using namespace tenon;

TEST_CASE("every element size is transposed, whatever the extents are multiples of") {
  std::mt19937 random(3);
  for (const std::uint64_t size : {1, 2, 4, 8, 3, 16}) {
    for (int round = 0; round < 40; ++round) {
      const std::uint64_t rows = 1 + random() % 150;
      const std::uint64_t columns = 1 + random() % 150;
      std::vector<std::byte> source(rows * columns * size);
      for (auto& byte : source) byte = static_cast<std::byte>(random());
      std::vector<std::byte> target(source.size());
      copy_box({0, 0, size, {{columns, size, rows * size}, {rows, columns * size, size}}}, source.data(),
               target.data());
      bool equal = true;
      for (std::uint64_t i = 0; i < rows; ++i) {
        for (std::uint64_t j = 0; j < columns; ++j) {
          equal = equal &&
                  std::memcmp(&target[(j * rows + i) * size], &source[(i * columns + j) * size], size) == 0;
        }
      }
      CAPTURE(size, rows, columns);
      CHECK(equal);
    }
  }
}

TEST_CASE("loops around a tile, and a loop that is both the fastest of source and target") {
  std::vector<std::byte> source(2 * 3 * 4 * 2);
  for (std::size_t i = 0; i < source.size(); ++i) source[i] = static_cast<std::byte>(i);
  std::vector<std::byte> target(source.size());
  // [2, 3, 4] of two bytes to [3, 4, 2]: the innermost target loop has the largest source stride.
  copy_box({0, 0, 2, {{3, 8, 16}, {4, 2, 4}, {2, 24, 2}}}, source.data(), target.data());
  for (std::size_t a = 0; a < 2; ++a) {
    for (std::size_t b = 0; b < 3; ++b) {
      for (std::size_t c = 0; c < 4; ++c) {
        CHECK(target[2 * (b * 8 + c * 2 + a)] == source[2 * (a * 12 + b * 4 + c)]);
      }
    }
  }
  // Every other element to the front.
  copy_box({0, 0, 2, {{12, 4, 2}}}, source.data(), target.data());
  for (std::size_t i = 0; i < 12; ++i) CHECK(target[2 * i] == source[4 * i]);
}
