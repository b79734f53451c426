#include "report/table.h"

#include <catch2/catch.hpp>

using namespace tenon;

TEST_CASE("columns line up, by code points, without trailing blanks") {
  Table table({{"tensor"}, {"size", Align::kRight}, {"shard"}});
  table.add({"größe", "5", "a"});
  table.add({"x", "1000", ""});
  CHECK(table.text(2) ==
        "  tensor  size  shard\n"
        "  größe      5  a\n"
        "  x       1000\n");
}

TEST_CASE("a key with control characters keeps its line") {
  Table table({{"tensor"}});
  table.add({"a\nb\x1b[2J"});
  CHECK(table.text() == "tensor\na\\x0ab\\x1b[2J\n");
}
