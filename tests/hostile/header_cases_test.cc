// Defects and oddities of headers that cases/ does not hold, made here. What the safetensors library rejects
// is rejected; where two readers could read one file differently, so is what it accepts.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <ctime>
#include <string>

#include "checkpoint/header.h"

using namespace tenon;

namespace {

std::string repeat(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

// A header with one I32 tensor `w` of four bytes, whose entry has `more` in it.
std::string one(const std::string& more = "") {
  return fmt::format(R"({{"w":{{"dtype":"I32","shape":[1],"data_offsets":[0,4]{}}}}})", more);
}

// One tensor `w` of the dtype, shape and offsets given as JSON.
std::string tensor(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return fmt::format(R"({{"w":{{"dtype":{},"shape":{},"data_offsets":{}}}}})", dtype, shape, offsets);
}

std::string verdict_on(const std::string& json, std::uint64_t data_bytes) {
  try {
    parse_header(json, 8 + json.size() + data_bytes, "f");
    return "";
  } catch (const UserError& error) {
    CHECK(error.diagnostics().size() == 1);
    return error.what();
  }
}

struct Case {
  const char* what;
  std::string json;
  std::uint64_t data_bytes;
  const char* message;  // a part of it; "" where the header is accepted
};

}  // namespace

TEST_CASE("further headers get their verdicts") {
  const std::string deepest = repeat("[", 125) + repeat("]", 125);
  const std::string too_deep = repeat("[", 126) + repeat("]", 126);
  const std::string deep_objects = repeat(R"({"a":)", 126) + "1" + repeat("}", 126);
  const std::vector<Case> cases = {
      // JSON and UTF-8
      {"leading white space", std::string(" \n\t\r") + one(), 4, ""},
      {"trailing white space", one() + " \t\n\r", 4, ""},
      {"escapes in field names", R"({"w":{"d\u0074ype":"I32","shape":[1],"data_offsets":[0,4]}})", 4, ""},
      {"an escaped slash", R"({"\/":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}})", 4, ""},
      {"DEL and noncharacters",
       "{\"\x7f\xEF\xBF\xBF\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, ""},
      {"control character", "{\"\x01\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
       "control character"},
      {"raw newline in a key", "{\"\n\":{}}", 0, "control character"},
      {"lone low surrogate", R"({"\udc00":{}})", 0, "surrogate"},
      {"high surrogate and text", R"({"\ud800x":{}})", 0, "surrogate"},
      {"two high surrogates", R"({"\ud800\ud800":{}})", 0, "surrogate"},
      {"unknown escape", R"({"\x":{}})", 0, "backslash"},
      {"short hex escape", R"({"\u12":{}})", 0, "\\u"},
      {"overlong UTF-8", "{\"\xC0\xAF\":{}}", 0, "UTF-8"},
      {"UTF-8 surrogate", "{\"\xED\xA0\x80\":{}}", 0, "UTF-8"},
      {"UTF-8 above U+10FFFF", "{\"\xF4\x90\x80\x80\":{}}", 0, "UTF-8"},
      {"cut UTF-8", "{\"\xE2\x82\":{}}", 0, "UTF-8"},
      {"non-ASCII white space", "{\xC2\xA0}", 0, "not valid JSON"},
      {"NUL at the end", std::string("{}\0", 3), 0, "NUL"},
      {"NUL in a key", std::string("{\"a\0b\":{}}", 10), 0, "NUL"},
      {"form feed", std::string("\f") + one(), 4, "not valid JSON"},
      {"unfinished", one().substr(0, 40), 4, "not valid JSON"},
      {"unfinished string", R"({"w)", 0, "not valid JSON"},
      {"single quotes", "{'w':{}}", 0, "not valid JSON"},
      {"bare key", "{w:{}}", 0, "not valid JSON"},
      {"missing comma", R"({"a":{} "b":{}})", 0, "no dtype"},
      {"two commas", one(",,\"a\":1"), 4, "not valid JSON"},
      {"true as root", "true", 0, "a boolean, not a JSON object"},
      {"float as root", "1.5", 0, "not a JSON object"},
      {"NaN", one(R"(,"a":NaN)"), 4, "not valid JSON"},
      {"Infinity", one(R"(,"a":Infinity)"), 4, "not valid JSON"},
      {"number out of range", one(R"(,"a":1e999)"), 4, "not valid JSON"},
      {"number that underflows", one(R"(,"a":1e-999)"), 4, ""},
      {"integer above 64 bits in an unknown field", one(R"(,"a":123456789012345678901234567890)"), 4, ""},
      {"deepest nesting", one(",\"a\":" + deepest), 4, ""},
      {"nested too deep", one(",\"a\":" + too_deep), 4, "deeper than 127"},
      {"objects nested too deep", one(",\"a\":" + deep_objects), 4, "deeper than 127"},
      {"a million brackets", repeat("[", 1'000'000), 0, "not a JSON object"},
      {"a million braces", repeat(R"({"a":)", 1'000'000), 0, "deeper than 127"},
      // duplicates
      {"same tensor twice",
       R"({"w":{"dtype":"I32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}})",
       4, "the tensor occurs twice"},
      {"same empty tensor twice",
       R"({"w":{"dtype":"I32","shape":[0],"data_offsets":[0,0]},"w":{"dtype":"I32","shape":[0],"data_offsets":[0,0]}})",
       0, "the tensor occurs twice"},
      {"tensor twice, a third between",
       R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"v":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"w":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
       3, "the tensor occurs twice"},
      {"data_offsets twice", one(R"(,"data_offsets":[0,4])"), 4, "'data_offsets' occurs twice"},
      {"dtype twice, escaped", one(R"(,"\u0064type":"I32")"), 4, "'dtype' occurs twice"},
      {"unknown field twice", one(R"(,"a":1,"a":2)"), 4, "'a' occurs twice"},
      {"__metadata__ twice, escaped", R"({"__metadata__":{"a":"b"},"__metadat\u0061__":{"a":"b"}})", 0,
       "__metadata__ occurs twice"},
      {"__metadata__ null, then again", R"({"__metadata__":null,"__metadata__":{}})", 0,
       "__metadata__ occurs twice"},
      {"metadata key twice, escaped", R"({"__metadata__":{"a":"b","\u0061":"b"}})", 0, "'a' occurs twice"},
      // metadata
      {"no tensor", "{}", 0, ""},
      {"metadata alone", R"({"__metadata__":{"format":"pt"}})", 0, ""},
      {"empty metadata", R"({"__metadata__":{}})", 0, ""},
      {"metadata null", R"({"__metadata__":null})", 0, ""},
      {"metadata string", R"({"__metadata__":"x"})", 0, "__metadata__ is a string"},
      {"metadata number", R"({"__metadata__":1})", 0, "__metadata__ is a number"},
      {"metadata false", R"({"__metadata__":false})", 0, "__metadata__ is a boolean"},
      {"metadata value list", R"({"__metadata__":{"a":["b"]}})", 0, "'a' is a list"},
      {"metadata value boolean", R"({"__metadata__":{"a":true}})", 0, "'a' is a boolean"},
      {"metadata value float", R"({"__metadata__":{"a":1.5}})", 0, "'a' is a number"},
      {"metadata below an entry is a field", one(R"(,"__metadata__":{"a":1})"), 4, ""},
      // entries and dtypes
      {"entry number", R"({"w":1})", 0, "entry is a number"},
      {"entry true", R"({"w":true})", 0, "entry is a boolean"},
      {"entry list", R"({"w":[]})", 0, "entry is a list"},
      {"no dtype", R"({"w":{"shape":[1],"data_offsets":[0,4]}})", 4, "no dtype"},
      {"no shape", R"({"w":{"dtype":"I32","data_offsets":[0,4]}})", 4, "no shape"},
      {"no data_offsets", R"({"w":{"dtype":"I32","shape":[1]}})", 4, "no data_offsets"},
      {"fields in another order", R"({"w":{"data_offsets":[0,4],"shape":[1],"dtype":"I32"}})", 4, ""},
      {"dtype lower case", tensor(R"("i32")", "[1]", "[0,4]"), 4, "unknown dtype 'i32'"},
      {"dtype null", tensor("null", "[1]", "[0,4]"), 4, "dtype is null"},
      {"dtype number", tensor("5", "[1]", "[0,4]"), 4, "dtype is a number"},
      {"dtype list", tensor(R"(["I32"])", "[1]", "[0,4]"), 4, "dtype is a list"},
      {"dtype object", tensor(R"({"I32":null})", "[1]", "[0,4]"), 4, "dtype is an object"},
      {"dtype with NUL", tensor(R"("I32\u0000")", "[1]", "[0,4]"), 4, "unknown dtype"},
      {"dtype of a megabyte", tensor(fmt::format("\"{:x>1000000}\"", ""), "[1]", "[0,4]"), 4,
       "unknown dtype"},
      {"field name in capitals is unknown", R"({"w":{"Dtype":"I32","shape":[1],"data_offsets":[0,4]}})", 4,
       "no dtype"},
      // shapes
      {"shape string", tensor(R"("I32")", R"("1")", "[0,4]"), 4, "shape is a string"},
      {"shape object", tensor(R"("I32")", "{}", "[0,4]"), 4, "shape is an object"},
      {"extent float", tensor(R"("I32")", "[1.0]", "[0,4]"), 4, "an extent of the shape"},
      {"extent with exponent", tensor(R"("I32")", "[1e0]", "[0,4]"), 4, "an extent of the shape"},
      {"extent string", tensor(R"("I32")", R"(["1"])", "[0,4]"), 4, "an extent of the shape"},
      {"extent null", tensor(R"("I32")", "[null]", "[0,4]"), 4, "an extent of the shape"},
      {"extent object", tensor(R"("I32")", "[{}]", "[0,4]"), 4, "an extent of the shape"},
      {"extent above the signed ones", tensor(R"("I32")", "[9223372036854775808]", "[0,4]"), 4, "too large"},
      {"size wraps round to four", tensor(R"("I32")", "[4611686018427387905]", "[0,4]"), 4, "64 bits"},
      {"product wraps round to zero", tensor(R"("I32")", "[4294967296,4294967296]", "[0,0]"), 0, "64 bits"},
      {"product overflows before a zero", tensor(R"("I32")", "[4294967296,4294967296,0]", "[0,0]"), 0,
       "64 bits"},
      {"rank 64", tensor(R"("I32")", fmt::format("[1{}]", repeat(",1", 63)), "[0,4]"), 4, ""},
      {"rank 65", tensor(R"("I32")", fmt::format("[1{}]", repeat(",1", 64)), "[0,4]"), 4,
       "more than 64 dimensions"},
      {"hexadecimal", tensor(R"("I32")", "[0x1]", "[0,4]"), 4, "not valid JSON"},
      {"digit separators", tensor(R"("I32")", "[1_0]", "[0,4]"), 4, "not valid JSON"},
      // offsets
      {"one offset", tensor(R"("I32")", "[1]", "[0]"), 4, "fewer than two"},
      {"no offset", tensor(R"("I32")", "[1]", "[]"), 4, "fewer than two"},
      {"offsets object", tensor(R"("I32")", "[1]", R"({"0":0,"1":4})"), 4, "data_offsets is an object"},
      {"offsets null", tensor(R"("I32")", "[1]", "null"), 4, "data_offsets is null"},
      {"offset null", tensor(R"("I32")", "[1]", "[null,4]"), 4, "data_offsets hold null"},
      {"offset negative", tensor(R"("I32")", "[1]", "[-4,0]"), 4, "data_offsets hold a negative number"},
      {"offset minus zero", tensor(R"("I32")", "[1]", "[-0,4]"), 4, "data_offsets hold a negative number"},
      {"offset above 64 bits", tensor(R"("I32")", "[1]", "[0,18446744073709551620]"), 4, "data_offsets hold"},
      {"offsets reversed", tensor(R"("I32")", "[1]", "[4,0]"), 4, "end before they begin"},
      {"range too long", tensor(R"("I32")", "[1]", "[0,8]"), 8, "takes 4 bytes"},
      {"range too short", tensor(R"("I32")", "[2]", "[0,4]"), 4, "takes 8 bytes"},
      {"one byte missing", one(), 3, "ends 1 bytes before"},
      {"one byte behind", one(), 5, "last 1 bytes of the file belong to no tensor"},
      {"overlap",
       R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
       6, "overlap those of 'a'"},
      {"same range twice",
       R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})",
       4, "overlap those of 'a'"},
      {"one inside the other",
       R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
       4, "overlap those of 'a'"},
      {"empty tensor inside another",
       R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}})",
       4, "overlap those of 'a'"},
      {"empty tensor between two",
       R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"e":{"dtype":"U8","shape":[0],"data_offsets":[4,4]},"b":{"dtype":"U8","shape":[1],"data_offsets":[4,5]}})",
       5, ""},
      {"empty tensor at the end",
       R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"e":{"dtype":"U8","shape":[0],"data_offsets":[4,4]}})",
       4, ""},
      {"empty tensor behind the end",
       R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"e":{"dtype":"U8","shape":[0],"data_offsets":[5,5]}})",
       4, "belong to no tensor"},
      {"tensors out of order in the JSON",
       R"({"b":{"dtype":"U8","shape":[1],"data_offsets":[4,5]},"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})",
       5, ""},
      // sub-byte dtypes
      {"F4 of an odd count", tensor(R"("F4")", "[3]", "[0,2]"), 2, "whole byte"},
      {"F4 of an even count", tensor(R"("F4")", "[1,2]", "[0,1]"), 1, ""},
      {"F4 of one", tensor(R"("F4")", "[]", "[0,1]"), 1, "whole byte"},
      {"F4 of none", tensor(R"("F4")", "[0]", "[0,0]"), 0, ""},
      {"F6 of four", tensor(R"("F6_E2M3")", "[2,2]", "[0,3]"), 3, ""},
      {"F6 of two", tensor(R"("F6_E2M3")", "[2]", "[0,2]"), 2, "whole byte"},
  };
  for (const Case& c : cases) {
    const std::string message = verdict_on(c.json, c.data_bytes);
    INFO(c.what << ": " << message);
    CHECK(message.empty() == (*c.message == '\0'));
    CHECK(message.find(c.message) != std::string::npos);
    CHECK(message.size() < 1000);
  }
}

TEST_CASE("every dtype is accepted with its own size and no other") {
  for (int i = 0; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    const std::uint64_t bytes = byte_size(dtype, {8}).value();
    const std::string name = fmt::format("\"{}\"", name_of(dtype));
    INFO(name);
    CHECK(verdict_on(tensor(name, "[8]", fmt::format("[0,{}]", bytes)), bytes).empty());
    CHECK_FALSE(verdict_on(tensor(name, "[8]", fmt::format("[0,{}]", bytes + 1)), bytes + 1).empty());
  }
}

TEST_CASE("100,000 overlapping tensors are refused quickly") {
  std::string json = "{";
  for (int i = 0; i < 100'000; ++i) {
    json += fmt::format(R"("layers.{}.w":{{"dtype":"U8","shape":[1048576],"data_offsets":[0,1048576]}},)", i);
  }
  json.back() = '}';
  const std::clock_t begin = std::clock();  // of this process alone, whatever else the machine does
  CHECK(verdict_on(json, 1048576).find("overlap") != std::string::npos);
  CHECK(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC < 1.0 * SLOWNESS);
}

TEST_CASE("a key with control characters cannot steer the terminal") {
  const std::string message = verdict_on(R"({"\u001b[31m\u0000":1})", 0);
  CHECK(message.find('\x1b') == std::string::npos);
  CHECK(message.find("\\x1b[31m\\x00") != std::string::npos);
}
