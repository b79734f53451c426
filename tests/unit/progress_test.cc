#include "cli/progress.h"

#include <catch2/catch.hpp>

using namespace tenon;

TEST_CASE("the bar shows share, bytes, rate and time left") {
  CHECK(progress_line("converting", 4'000'000'000, 10'000'000'000, 2e9, 79) ==
        "converting  [####------]   40%  4.00 GB of 10.00 GB  2.00 GB/s  0:03 left");
  CHECK(progress_line("converting", 0, 10, 0, 79) == "converting  [----------]    0%  0 B of 10 B");
  CHECK(progress_line("verifying", 10, 10, 0, 30) == "verifying  100%  10 B of 10 B");
}

TEST_CASE("the bar never exceeds the terminal, nor a hundred per cent") {
  for (int width = 0; width < 200; ++width) {
    CHECK(progress_line("converting", 5, 10, 1e6, width).size() <= static_cast<std::size_t>(width));
  }
  CHECK(progress_line("x", 20, 10, 0, 40).find("100%") != std::string::npos);
  CHECK(progress_line("x", 0, 0, 0, 40).find("100%") != std::string::npos);
}

TEST_CASE("a long time left is shown in hours") {
  CHECK(progress_line("x", 0, 2'000'000'000'000, 1e8, 100).find("5:33:20 left") != std::string::npos);
}
