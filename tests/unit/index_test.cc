#include "checkpoint/index.h"

#include <catch2/catch.hpp>

using namespace tenon;

namespace {

std::string message_of(const std::string& text) {
  try {
    parse_index(text, "i.json");
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

std::string shard_named(const std::string& name) {
  return R"({"weight_map":{"w":")" + name + R"("}})";
}

Tensor tensor(const std::string& key, std::uint32_t shard) {
  return {key, DType::kU8, {4}, shard, 0, 4};
}

std::string disagreements(const ShardIndex& index, const std::vector<Tensor>& tensors) {
  Diagnostics diagnostics;
  check_index(index, tensors, "i.json", diagnostics);
  std::string out;
  for (const auto& d : diagnostics.all()) out += render(d, false);
  return out;
}

const char* const kTwoShards =
    R"({"metadata":{"total_size":16},"weight_map":{"a.10":"b.safetensors","a.2":"a.safetensors","x":"b.safetensors","y":"a.safetensors"}})";

}  // namespace

TEST_CASE("an index is read into shards and tensors") {
  const ShardIndex index = parse_index(kTwoShards, "i.json");
  CHECK(index.shards == std::vector<std::string>{"a.safetensors", "b.safetensors"});
  REQUIRE(index.weight_map.size() == 4);
  CHECK(index.weight_map.at("a.2") == 0);
  CHECK(index.weight_map.at("a.10") == 1);
  CHECK(index.total_size == 16.0);
  CHECK_FALSE(parse_index(shard_named("m.safetensors"), "i.json").total_size);
}

TEST_CASE("an index of another form is refused") {
  const std::string again = "  Fetch the index again from where the checkpoint came from.\n";
  CHECK(message_of("[]") == "i.json: error[index-malformed]: the index is not a JSON object\n" + again);
  CHECK(message_of("{}") ==
        "i.json: /weight_map: error[index-malformed]: the index has no object 'weight_map'\n" + again);
  CHECK(message_of(R"({"weight_map":{}})") ==
        "i.json: /weight_map: error[index-malformed]: the index lists no tensor\n" + again);
  CHECK(message_of(R"({"weight_map":["a"]})").find("no object 'weight_map'") != std::string::npos);
  CHECK(message_of(R"({"weight_map":{"a":1,"b":null}})") ==
        "i.json: /weight_map/a: error[index-malformed]: the name of the shard is not a string\n" + again +
            "i.json: /weight_map/b: error[index-malformed]: the name of the shard is not a string\n" + again);
  CHECK(message_of(R"({"weight_map":{"a":"s.safetensors","\u0061":"s.safetensors"}})") ==
        "i.json: /weight_map: error[json-duplicate-key]: the key 'a' occurs twice\n"
        "  Readers differ in which of the two they take: remove one.\n");
  CHECK(message_of(R"({"weight_map":{},"weight_map":{}})").find("occurs twice") != std::string::npos);
  CHECK(message_of("{\"weight_map\":").find("i.json:1:") == 0);
}

TEST_CASE("the name of a shard is a plain .safetensors file name") {
  for (const char* name : {"../m.safetensors", "/m.safetensors", "sub/m.safetensors", "..\\\\m.safetensors",
                           "C:m.safetensors", "C:\\\\m.safetensors", "\\\\\\\\host\\\\m.safetensors"}) {
    INFO(name);
    const std::string message = message_of(shard_named(name));
    CHECK(message.find("i.json: /weight_map/w: error[index-shard-name]: '") == 0);
    CHECK(message.find("is a path; shards lie beside the index\n  Put the shards beside the index") !=
          std::string::npos);
  }
  for (const char* name :
       {"", "m.bin", "m.safetensors.bin", ".safetensors", "m.SAFETENSORS", "m.safetensors "}) {
    INFO(name);
    CHECK(message_of(shard_named(name)).find("is no .safetensors file") != std::string::npos);
  }
  CHECK(message_of(shard_named("m\\u0000.safetensors")).find("control character") != std::string::npos);
  CHECK(message_of(shard_named(std::string(300, 'm') + ".safetensors")).find("longer") != std::string::npos);
  CHECK(message_of(shard_named("..safetensors")).empty());
}

TEST_CASE("an index that agrees with its shards has nothing said about it") {
  const ShardIndex index = parse_index(kTwoShards, "i.json");
  CHECK(disagreements(index, {tensor("a.2", 0), tensor("a.10", 1), tensor("x", 1), tensor("y", 0)}).empty());
}

TEST_CASE("every disagreement between index and shards is reported, grouped by shard") {
  const ShardIndex index = parse_index(kTwoShards, "i.json");
  const std::string hint = "  The index is not that of these shards: fetch both again from one place.\n";
  CHECK(
      disagreements(index, {tensor("a.2", 1), tensor("a.10", 1), tensor("n", 0), tensor("n2", 0)}) ==
      "i.json: n: error[index-mismatch]: is in a.safetensors, but not listed (2 tensors: n and n2)\n" + hint +
          "i.json: a.2: error[index-mismatch]: is listed in a.safetensors, but is in b.safetensors\n" + hint +
          "i.json: y: error[index-mismatch]: is listed in a.safetensors, but no shard holds it\n" + hint +
          "i.json: x: error[index-mismatch]: is listed in b.safetensors, but no shard holds it\n" + hint);
  CHECK(disagreements(
            index, {tensor("a.2", 0), tensor("a.2", 1), tensor("a.10", 1), tensor("x", 1), tensor("y", 0)}) ==
        "i.json: a.2: error[index-mismatch]: is in two shards, a.safetensors and b.safetensors\n" + hint +
            "i.json: /metadata/total_size: warning[index-total-size]: states 16 bytes, but the tensors take "
            "20\n");
}

// What json.dumps(index, indent=2, sort_keys=True) + "\n" gives.
TEST_CASE("an index is written as transformers writes it") {
  CHECK(index_text({{"b", "m-1.safetensors"}, {"a\xC3\xA9\x7F", "m-2.safetensors"}}, 20, 5) ==
        "{\n"
        "  \"metadata\": {\n"
        "    \"total_parameters\": 5,\n"
        "    \"total_size\": 20\n"
        "  },\n"
        "  \"weight_map\": {\n"
        "    \"a\\u00e9\\u007f\": \"m-2.safetensors\",\n"
        "    \"b\": \"m-1.safetensors\"\n"
        "  }\n"
        "}\n");
}
