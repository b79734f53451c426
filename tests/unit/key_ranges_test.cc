#include "checkpoint/key_ranges.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "checkpoint/natural_order.h"

using namespace tenon;

namespace {

std::vector<std::string> expanded(const std::vector<std::string>& patterns) {
  std::vector<std::string> out;
  for (const auto& pattern : patterns) {
    for (auto& key : keys_of_pattern(pattern, 100000)) out.push_back(std::move(key));
  }
  std::sort(out.begin(), out.end(), natural_less);
  return out;
}

}  // namespace

TEST_CASE("numbers of a key stand between dots and underscores") {
  CHECK(numbered("model.layers.12.w").numbers == std::vector<std::int64_t>{12});
  CHECK(numbered("expert_7.wi").numbers == std::vector<std::int64_t>{7});
  CHECK(numbered("0.a.1").numbers == std::vector<std::int64_t>{0, 1});
  // Those within words, with leading zeros, or too long to be counted are text.
  for (const char* key : {"w1.weight", "layers.007.w", "a.12x", "h.1234567890123"}) {
    INFO(key);
    CHECK(numbered(key).numbers.empty());
    CHECK(numbered(key).form == key);
  }
}

TEST_CASE("what repeats is one pattern") {
  std::vector<std::string> keys;
  for (int layer = 0; layer < 48; ++layer) {
    for (int expert = 0; expert < 128; ++expert)
      keys.push_back("layers." + std::to_string(layer) + ".experts." + std::to_string(expert) + ".up");
  }
  CHECK(key_patterns(keys) == std::vector<std::string>{"layers.{0..47}.experts.{0..127}.up"});
  CHECK(key_patterns({"a.0.w", "a.1.w", "a.3.w", "b"}) ==
        std::vector<std::string>{"a.{0..1}.w", "a.3.w", "b"});
}

TEST_CASE("patterns stand for the keys that they were made of, whichever those are") {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::set<std::string> keys;
    const int count = 1 + static_cast<int>(random() % 60);
    for (int i = 0; i < count; ++i) {
      std::string key = random() % 4 == 0 ? "a" : "b_" + std::to_string(random() % 3);
      const int parts = static_cast<int>(random() % 3);
      for (int part = 0; part < parts; ++part)
        key += "." + std::to_string(random() % 5) + (random() % 2 == 0 ? ".w1" : "");
      keys.insert(key);
    }
    std::vector<std::string> sorted(keys.begin(), keys.end());
    std::sort(sorted.begin(), sorted.end(), natural_less);
    CHECK(expanded(key_patterns(sorted)) == sorted);
  }
}

TEST_CASE("a pattern that stands for too much stands for nothing") {
  CHECK(keys_of_pattern("a.{0..99}", 100).size() == 100);
  CHECK(keys_of_pattern("a.{0..99}", 99).empty());
  CHECK(keys_of_pattern("a.{0..99999999}.{0..99999999}", 1000).empty());
  CHECK(keys_of_pattern("a.{5..2}", 1000).empty());
  CHECK(keys_of_pattern("plain", 1) == std::vector<std::string>{"plain"});
}
