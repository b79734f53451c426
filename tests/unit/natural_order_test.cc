#include "checkpoint/natural_order.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace tenon;

TEST_CASE("keys in natural order") {
  const std::vector<std::string> ordered = {
      "0",
      "2.a",
      "10",
      "10.0",
      "99999999999999999999999999999998",
      "99999999999999999999999999999999",
      "100000000000000000000000000000000",
      "",
      ".a",
      "a",
      "a.",
      "a.b",
      "a0",
      "a1",
      "a2.z",
      "a10",
      "a1b",
      "ab",
      "layers",
      "layers.2.w",
      "layers.10.w",
      "layers.10.w.x",
      "layers.x",
      "shard_2",
      "shard_11",
      "\xC3\xA9",
  };
  for (std::size_t i = 0; i < ordered.size(); ++i) {
    for (std::size_t j = 0; j < ordered.size(); ++j) {
      INFO(ordered[i] << " and " << ordered[j]);
      CHECK(natural_less(ordered[i], ordered[j]) == (i < j));
    }
  }
}

TEST_CASE("keys that differ in leading zeros only are told apart, whatever follows them comes first") {
  CHECK(natural_less("a.01", "a.1"));
  CHECK(natural_less("a.01.b", "a.1.c"));
  CHECK(natural_less("a.1.b", "a.01.c"));
  CHECK(natural_less("a0", "a00"));
  CHECK(natural_less("000", "1"));
  CHECK_FALSE(natural_less("a.01", "a.01"));
}

TEST_CASE("sorting by natural order does not depend on the order given") {
  std::vector<std::string> keys;
  for (const char* stem : {"", "a", "b_", "."}) {
    for (const char* number : {"", "0", "00", "1", "01", "9", "10", "010", "18446744073709551616"}) {
      keys.push_back(std::string(stem) + number);
      keys.push_back(std::string(stem) + number + ".x" + number);
    }
  }
  std::vector<std::string> sorted = keys;
  std::sort(sorted.begin(), sorted.end(), natural_less);
  std::reverse(keys.begin(), keys.end());
  std::sort(keys.begin(), keys.end(), natural_less);
  CHECK(keys == sorted);
}
