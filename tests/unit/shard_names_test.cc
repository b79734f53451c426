#include "checkpoint/shard_names.h"

#include <catch2/catch.hpp>

#include "base/diagnostics.h"

using namespace tenon;

namespace {

using ShardNames = std::vector<std::string>;

std::string refusal_of(const ShardNames& names) {
  try {
    shards_by_name(names, "model");
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("shard names: stem, number and count") {
  const auto name = parse_shard_name("diffusion_pytorch_model.fp16-00002-of-00013.safetensors");
  REQUIRE(name);
  CHECK(name->stem == "diffusion_pytorch_model.fp16");
  CHECK(name->number == 2);
  CHECK(name->count == 13);
  for (const char* other :
       {"model.safetensors", "model-00001-of-.safetensors", "model-of-00002.safetensors", "model-1-of-2.bin",
        "-of-", "", "model-00001-of-99999999999.safetensors", "model00001-of-00002.safetensors"}) {
    INFO(other);
    CHECK_FALSE(parse_shard_name(other));
  }
}

TEST_CASE("shards by name: one whole set, or all files where there is none") {
  const ShardNames two = {"m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors"};
  CHECK(shards_by_name(two, "model") == two);
  CHECK(shards_by_name({"consolidated.safetensors", two[0], two[1]}, "model") == two);
  CHECK(shards_by_name({"a.safetensors", "b.safetensors"}, "model").size() == 2);
  CHECK(refusal_of({two[1]}).find("lacks 1 of 2 shards: m-00001-of-00002.safetensors") != std::string::npos);
  CHECK(refusal_of({two[0], two[1], "n-00001-of-00001.safetensors"}).find("2 sets of shards") !=
        std::string::npos);
  CHECK(refusal_of({"m-00001-of-4000000000.safetensors"}).find("lacks") != std::string::npos);
}
