#include "base/text.h"

#include <catch2/catch.hpp>

using namespace tenon;

TEST_CASE("bytes are printed in decimal units") {
  CHECK(human_bytes(0) == "0 B");
  CHECK(human_bytes(999) == "999 B");
  CHECK(human_bytes(1500) == "1.50 kB");
  CHECK(human_bytes(999'999) == "1.00 MB");
  CHECK(human_bytes(5'000'000'000) == "5.00 GB");
}

TEST_CASE("sizes are read with and without a unit") {
  CHECK(parse_bytes("5GB") == 5'000'000'000u);
  CHECK(parse_bytes("1GiB") == 1u << 30);
  CHECK(parse_bytes("12") == 12u);
  CHECK_FALSE(parse_bytes("5 GB"));
  CHECK_FALSE(parse_bytes("GB"));
  CHECK_FALSE(parse_bytes("-1GB"));
  CHECK_FALSE(parse_bytes("99999999999TB"));
}

TEST_CASE("a glob's star stays in its segment, two stars do not") {
  CHECK(glob_matches("a.*.c", "a.b.c"));
  CHECK(glob_matches("a.*.c", "a.12.c"));
  CHECK_FALSE(glob_matches("a.*.c", "a..c"));
  CHECK_FALSE(glob_matches("a.*.c", "a.b.b.c"));
  CHECK(glob_matches("a.**.c", "a.b.b.c"));
  CHECK(glob_matches("**.c", "a.b.c"));
  CHECK(glob_matches("**", ""));
  CHECK(glob_matches("l*s.*", "layers.0"));
  CHECK_FALSE(glob_matches("*", "a.b"));
  CHECK_FALSE(glob_matches("", "a"));
  CHECK(glob_matches("**x*.z", "a.xx.yxk.z"));
}

TEST_CASE("a glob never takes exponential time") {
  std::string glob;
  for (int i = 0; i < 40; ++i) glob += "**a";
  CHECK_FALSE(glob_matches(glob, std::string(5000, 'a') + "b"));
}

TEST_CASE("near names are suggested, far ones are not") {
  const std::vector<std::string> names = {"mixtral", "qwen2_moe", "llava"};
  CHECK(did_you_mean("mixtrl", names) == "Did you mean 'mixtral'?");
  CHECK(did_you_mean("zzzzz", names).empty());
  CHECK(join_some({"a", "b", "c"}, 2) == "a, b and 1 more");
  CHECK(join_some({"a", "b"}, 2) == "a and b");
}

TEST_CASE("control characters are made visible, other bytes stay") {
  CHECK(visible("a\x1b[31m\n\x7f") == "a\\x1b[31m\\x0a\\x7f");
  CHECK(visible("größe.weight") == "größe.weight");
}

TEST_CASE("text that is no UTF-8 is found at its first wrong byte") {
  CHECK_FALSE(invalid_utf8(""));
  CHECK_FALSE(invalid_utf8(
      "a\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"));
  for (const char* const wrong :
       {"\x80", "\xC0\xAF", "\xC1\xBF", "\xC3", "\xC3(", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xE2\x82",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"}) {
    CHECK(invalid_utf8(std::string("ok") + wrong) == 2);
  }
}
