#include "checkpoint/json_text.h"

#include <catch2/catch.hpp>

#include "base/diagnostics.h"

using namespace tenon;

namespace {

std::string message_of(const std::string& text) {
  try {
    parse_json(text, "f.json");
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a document keeps its values and the order of its keys") {
  const std::string text =
      R"({"z":1,"a":[true,null,-2,1.5,{"y":"\u00e9","b":[]}],"big":18446744073709551615})";
  CHECK(parse_json(text, "f").dump() ==
        "{\"z\":1,\"a\":[true,null,-2,1.5,{\"y\":\"\xC3\xA9\",\"b\":[]}],\"big\":18446744073709551615}");
  CHECK(parse_json(" 3 ", "f") == 3);
}

TEST_CASE("a syntax error has line, column and caret") {
  CHECK(message_of("{\n  \"a\": NaN\n}") ==
        "f.json:2:8: error[json-malformed]: not valid JSON: syntax error while parsing value - invalid "
        "literal; last read: "
        "'\"a\": N'\n"
        "    \"a\": NaN\n"
        "         ^\n"
        "  JSON has no NaN and no Infinity: write a number or null.\n");
  CHECK(message_of("{\"a\": -Infinity}").find("write a number or null") != std::string::npos);
  CHECK(message_of("").find("f.json:1:1: error[json-malformed]: not valid JSON") == 0);
  CHECK(message_of("{} x").find("f.json:1:4") == 0);
  CHECK(message_of("[1e999]").find("number overflow") != std::string::npos);
}

TEST_CASE("what two parsers could read differently is refused") {
  const std::string hint = "  Readers differ in which of the two they take: remove one.\n";
  CHECK(message_of(R"({"a":{"b":1,"c":2,"\u0062":3}})") ==
        "f.json: /a: error[json-duplicate-key]: the key 'b' occurs twice\n" + hint);
  CHECK(message_of(R"([0,{"a":1,"a":1}])") ==
        "f.json: /1: error[json-duplicate-key]: the key 'a' occurs twice\n" + hint);
  CHECK(message_of(std::string("{}\0", 3)).find("a NUL byte") != std::string::npos);
  CHECK(message_of("\xEF\xBB\xBF{}").find("byte order mark") != std::string::npos);
  CHECK(message_of("[\"\xFF\"]").find("\\xff") != std::string::npos);
}

TEST_CASE("nesting is limited") {
  CHECK(message_of(std::string(100, '[') + std::string(100, ']')).empty());
  CHECK(message_of(std::string(101, '[')).find("nested deeper than 100 levels") != std::string::npos);
}

TEST_CASE("an object of 100,000 keys is read in linear time") {
  std::string text = "{";
  for (int i = 0; i < 100'000; ++i) text += "\"key" + std::to_string(i) + "\":1,";
  text.back() = '}';
  CHECK(parse_json(text, "f").size() == 100'000);
}

TEST_CASE("text from a file is shown without control characters, and cut") {
  CHECK(shown("a\x1b[31m\n\x7f") == "a\\x1b[31m\\x0a\\x7f");
  CHECK(shown(std::string(199, 'x') + "\xC3\xA9") == std::string(199, 'x') + "...");
  CHECK(shown("\xC3\xA9") == "\xC3\xA9");
}
