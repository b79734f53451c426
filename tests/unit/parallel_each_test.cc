#include "parity/parallel_each.h"

#include <catch2/catch.hpp>
#include <string>

using namespace tenon;

TEST_CASE("of several steps that fail the lowest is told, and all below it have run") {
  for (int round = 0; round < 200; ++round) {
    std::atomic<int> before = 0;
    std::string told;
    try {
      parallel_each(500, [&](std::size_t i) {
        if (i < 123) ++before;
        if (i >= 123 && i % 5 == 3) throw std::to_string(i);
      });
    } catch (const std::string& i) {
      told = i;
    }
    CHECK(told == "123");
    CHECK(before == 123);
  }
}
