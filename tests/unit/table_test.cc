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

TEST_CASE("a long table comes in parts and reads as the same table") {
  const std::vector<Table::Column> columns = {{"tensor"}, {"n", Align::kRight}};
  const auto cells_of = [](std::size_t i) {
    return std::vector<std::string>{"key\t" + std::string(i % 7, 'x'), std::to_string(i)};
  };
  constexpr std::size_t kRows = 20'000;
  Table table(columns);
  for (std::size_t i = 0; i < kRows; ++i) table.add(cells_of(i));
  std::string text;
  std::size_t longest = 0;
  write_table(columns, kRows, cells_of, [&](std::string_view part) {
    text += part;
    longest = std::max(longest, part.size());
  });
  CHECK(text == table.text());
  CHECK(longest < 100'000);
}
