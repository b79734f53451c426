#include "rules/language/expression.h"

#include <catch2/catch.hpp>

using namespace tenon;
using Json = nlohmann::ordered_json;

namespace {

const Json kConfig = Json::parse(R"({
  "hidden_size": 64, "heads": 8, "kv": 2, "tie": true, "act": "silu", "none": null, "ratio": 0.5,
  "sizes": [3, 5], "text_config": {"hidden_size": 32, "blocks": ["a", "b", "c"]}
})");

const Place kPlace{"rules.yaml", 4, 9, {}, "", ""};

Json value(const std::string& text) {
  return evaluate("${" + text + "}", kConfig, kPlace);
}
std::int64_t number(const std::string& text) {
  return evaluate_integer("${" + text + "}", kConfig, kPlace);
}

std::string error_of(const std::string& text) {
  try {
    value(text);
  } catch (const UserError& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("an expression stands in ${}") {
  CHECK(is_expression("${config.a}"));
  CHECK_FALSE(is_expression("config.a"));
  CHECK_FALSE(is_expression("12"));
}

TEST_CASE("values are read from the config, nested and indexed") {
  CHECK(number("config.hidden_size") == 64);
  CHECK(number("config.text_config.hidden_size") == 32);
  CHECK(number("config.sizes[1]") == 5);
  CHECK(number("len(config.text_config.blocks)") == 3);
  CHECK(value("config.act") == "silu");
}

TEST_CASE("arithmetic binds as usual") {
  CHECK(number("2 + 3 * 4") == 14);
  CHECK(number("(2 + 3) * 4") == 20);
  CHECK(number("2 * config.hidden_size // 3") == 42);
  CHECK(number("config.hidden_size % 10 - 1") == 3);
  CHECK(number("-config.kv + 3") == 1);
  CHECK(number("config.hidden_size / config.heads") == 8);
}

TEST_CASE("a division that does not come out even is an error") {
  CHECK(error_of("config.hidden_size / 3").find("rules.yaml:4:9: error[config-value-type]:") == 0);
  CHECK(error_of("config.hidden_size // 0") != "");
  CHECK(error_of("config.hidden_size % 0") != "");
}

TEST_CASE("or takes the first that is present") {
  CHECK(number("config.head_dim or config.hidden_size / config.heads") == 8);
  CHECK(number("config.none or 7") == 7);
  CHECK(number("config.sizes[2] or 1") == 1);
  CHECK(number("config.hidden_size[0] or 2") == 2);
  CHECK(number("(config.absent * 2) or 9") == 9);
  // What stands behind it is not computed: 64 / 3 leaves a remainder, and text is no number.
  CHECK(number("config.heads or config.hidden_size / 3") == 8);
  CHECK(number("config.absent or config.heads or config.act * 2") == 8);
  CHECK(value("config.heads == 9 and config.act * 2 == 1") == false);
  CHECK(value("config.heads == 9 and config.absent") == false);
  CHECK(error_of("config.hidden_size / 3 or config.heads") != "");
  CHECK(error_of("config.absent or config.hidden_size / 3") != "");
}

TEST_CASE("an absent value is named") {
  CHECK(error_of("config.hidden").find("config.hidden") != std::string::npos);
  CHECK(error_of("config.text_config.heads").find("config.text_config.heads") != std::string::npos);
}

TEST_CASE("conditions compare and combine") {
  CHECK(value("config.heads > 4 and config.tie == true") == true);
  CHECK(value("not config.heads == 8") == false);
  CHECK(value("config.act == 'silu'") == true);
  CHECK(value("config.kv != 2") == false);
  CHECK(value("config.kv <= 2 and config.kv >= 2 and config.kv < 3") == true);
}

TEST_CASE("an integer is asked for, and nothing else does") {
  CHECK_THROWS_AS(number("config.act"), UserError);
  CHECK_THROWS_AS(number("config.ratio"), UserError);
  CHECK_THROWS_AS(number("config.tie"), UserError);
  CHECK_THROWS_AS(number("config.act * 2"), UserError);
}

TEST_CASE("what overflows is an error") {
  CHECK_THROWS_AS(number("9223372036854775807 + 1"), UserError);
  CHECK_THROWS_AS(number("9223372036854775807 * 2"), UserError);
}

TEST_CASE("real numbers stay real, and integers stay integers") {
  const nlohmann::ordered_json config = {{"n", 3}, {"r", 0.5}, {"list", {"a", "b"}}};
  const auto value = [&](const std::string& text) { return evaluate("${" + text + "}", config, {}); };
  CHECK(value("config.r * config.n") == 1.5);
  CHECK(value("1 / sqrt(4)") == 0.5);
  CHECK(value("0.25 + 1") == 1.25);
  CHECK(value("-config.r") == -0.5);
  CHECK(value("exp(0) - 0.5") == 0.5);
  CHECK(value("config.r < 1") == true);
  CHECK(value("real(config.n) / 2") == 1.5);
  CHECK(value("config.n * 2").is_number_integer());
  CHECK_THROWS_AS(value("1 / (config.r - 0.5)"), UserError);
  CHECK_THROWS_AS(value("sqrt(0 - 1)"), UserError);
  CHECK_THROWS_AS(value("exp(1000)"), UserError);
  CHECK_THROWS_AS(value("config.list * 0.5"), UserError);
  // Only module programs know these.
  for (const char* name : {"own.n", "layer", "rope", "set.n"}) CHECK_THROWS_AS(value(name), UserError);
}

TEST_CASE("syntax is checked without a config") {
  CHECK_FALSE(expression_error("${config.a * (config.b or 3)}"));
  CHECK(expression_error("${config.a +}"));
  CHECK(expression_error("${(config.a}"));
  CHECK(expression_error("${config.a b}"));
  CHECK(expression_error("${__import__('os')}"));
  CHECK(expression_error("${" + std::string(100, '(') + "1" + std::string(100, ')') + "}"));
}
