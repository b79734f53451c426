#include "rules/pattern.h"

#include <catch2/catch.hpp>

using namespace tenon;

namespace {

const Place kPlace{"rules.yaml", 3, 5, {}, "", ""};

std::optional<PatternMatch> search(std::vector<std::string> sources, std::string_view key) {
  return Pattern(std::move(sources), kPlace).search(key);
}

std::string error_of(std::vector<std::string> sources, std::string_view key) {
  try {
    search(std::move(sources), key);
  } catch (const UserError& e) {
    return e.diagnostics().front().message;
  }
  return "";
}

}  // namespace

namespace {

using Stars = std::vector<std::string>;

Stars stars_of(const Pattern& pattern, const std::string& text) {
  Stars out;
  for (const auto& star : pattern.stars(0, text))
    out.push_back(text.substr(star.begin, star.end - star.begin));
  return out;
}

}  // namespace

TEST_CASE("a pattern is searched, not matched from the start") {
  const auto match = search({"attn"}, "model.attn.weight");
  REQUIRE(match);
  CHECK(match->begin == 6);
  CHECK(match->end == 10);
  CHECK_FALSE(search({"^attn"}, "model.attn.weight"));
  CHECK_FALSE(search({"attn$"}, "model.attn.weight"));
}

TEST_CASE("a star before a dot is anything, then a dot") {
  const Pattern pattern({"experts.*.w1.weight"}, kPlace);
  REQUIRE(pattern.search("experts.12.w1.weight"));
  CHECK(stars_of(pattern, "experts.12.w1.weight") == Stars{"12"});
  CHECK_FALSE(pattern.search("experts.12.w2.weight"));
  CHECK(stars_of(Pattern({"experts"}, kPlace), "experts").empty());
}

TEST_CASE("each star of a list of lists is told") {
  const Pattern pattern({"layers\\.*.experts\\.*.w1"}, kPlace);
  CHECK(stars_of(pattern, "model.layers.3.experts.12.w1") == Stars{"3", "12"});
}

TEST_CASE("a star that ends a word and the pattern is a number") {
  for (const std::string& source :
       {std::string("linear_fc1\\.weight*"), std::string("linear_fc1\\.weight*$")}) {
    const Pattern pattern({source}, kPlace);
    CHECK(stars_of(pattern, "experts.linear_fc1.weight17") == Stars{"17"});
    CHECK_FALSE(pattern.search("experts.linear_fc1.weight"));
    CHECK_FALSE(pattern.search("experts.linear_fc1.weight7.scale"));
  }
  CHECK(search({"a\\d*$"}, "xa"));
  CHECK(search({"a.*"}, "xa"));
}

TEST_CASE("an unescaped dot is any character") {
  CHECK(search({"a.b"}, "a_b"));
  CHECK_FALSE(search({"a\\.b"}, "a_b"));
}

TEST_CASE("of several alternatives the leftmost match wins, then the first") {
  CHECK(search({"weight", "attn"}, "attn.weight")->alternative == 1);
  CHECK(search({"at", "attn"}, "attn.weight")->alternative == 0);
  CHECK(search({"attn", "at"}, "attn.weight")->end == 4);
}

TEST_CASE("the group of the alternative that matched is kept") {
  const auto match = search({"x(\\d)", "layers\\.(\\d+)\\."}, "layers.17.fc");
  REQUIRE(match);
  CHECK(match->alternative == 1);
  CHECK(match->group == "17");
  CHECK_FALSE(search({"layers(\\.\\d+)?"}, "layers")->group);
}

TEST_CASE("look-around works as in Python") {
  CHECK_FALSE(search({"(?<!shared_)experts"}, "shared_experts"));
  CHECK(search({"(?<!shared_)experts"}, "mlp.experts"));
  CHECK(search({"norm(?!_out)"}, "norm.weight"));
  CHECK_FALSE(search({"norm(?!_out)"}, "norm_out.weight"));
}

TEST_CASE("a pattern that does not compile says where") {
  CHECK(error_of({"a(b"}, "") ==
        "pattern 'a(b' does not compile: missing closing parenthesis at character 4");
  CHECK(pattern_error("a(b") == "missing closing parenthesis at character 4");
  CHECK_FALSE(pattern_error("a*.b"));
}

TEST_CASE("a pattern that backtracks without end is stopped") {
  CHECK(error_of({"^(a+)+$"}, std::string(60, 'a') + "!").find("needs more than") != std::string::npos);
}

TEST_CASE("what a star stood for is looked for within the same limit") {
  const Pattern pattern({"^(a+)+[bc]*.x"}, kPlace);
  CHECK(stars_of(pattern, "ab12.x") == Stars{"12"});
  const auto look = [&] { pattern.stars(0, std::string(60, 'a') + "!.x"); };
  CHECK_THROWS_WITH(look(), Catch::Contains("needs more than"));
}

TEST_CASE("a target becomes text") {
  const auto text = [](std::string_view target) { return target_as_text(target).text; };
  CHECK(text("^lm_head\\.") == "lm_head.");
  CHECK(text("\\.weight$") == ".weight");
  CHECK(text("(?<!shared_)experts\\.") == "experts.");
  CHECK(text("norm(?!_out)") == "norm");
  CHECK(text("timm\\.(.+)") == "timm.\\1");
  CHECK(target_as_text("layers.(\\d+).fc").group == "(\\d+)");
  CHECK_FALSE(target_as_text("layers").group);
}
