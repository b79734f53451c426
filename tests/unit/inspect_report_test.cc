#include "report/inspect_report.h"

#include <catch2/catch.hpp>

using namespace tenon;

namespace {

Checkpoint small() {
  Checkpoint checkpoint;
  checkpoint.directory = "m";
  checkpoint.shards = {{"m/model-00001-of-00002.safetensors", 100, 0, {{"format", "pt"}}},
                       {"m/model-00002-of-00002.safetensors", 200, 0, {}}};
  checkpoint.tensors = {{"l.0.w", DType::kBF16, {2, 3}, 0, 8, 12}, {"l.1.w", DType::kF32, {5}, 1, 8, 20}};
  checkpoint.config = {{"model_type", "mixtral"}, {"architectures", {"MixtralForCausalLM"}}};
  checkpoint.has_config = true;
  checkpoint.side_files = {"config.json"};
  return checkpoint;
}

std::string text_of(const InspectOptions& options, decltype(inspect_text) show = inspect_text) {
  std::string out;
  show(small(), options, [&](std::string_view part) { out += part; });
  return out;
}

}  // namespace

TEST_CASE("inspect lists tensors, then the sizes by dtype and shard, then the totals") {
  CHECK(text_of({}) ==
        R"(tensor  dtype  shape   size  shard
l.0.w   BF16   [2, 3]  12 B  model-00001-of-00002.safetensors
l.1.w   F32    [5]     20 B  model-00002-of-00002.safetensors

dtype  tensors  elements  size
BF16         1         6  12 B
F32          1         5  20 B

shard                             tensors  size
model-00001-of-00002.safetensors        1  12 B
model-00002-of-00002.safetensors        1  20 B

model       mixtral (MixtralForCausalLM)
side files  config.json
total       2 tensors, 11 elements, 32 B in 2 shards
)");
}

TEST_CASE("a glob narrows the list and leaves the totals alone") {
  const std::string text = text_of({true, "l.1.*"});
  CHECK(text.find("l.0.w") == std::string::npos);
  CHECK(text.find("total       2 tensors") != std::string::npos);
  CHECK(text.find("listed      1 of them match 'l.1.*'") != std::string::npos);
}

TEST_CASE("inspect as JSON has every number of the text") {
  const std::string text = text_of({}, inspect_json);
  const auto json = nlohmann::ordered_json::parse(text);
  CHECK(text == json.dump(2) + "\n");
  CHECK(json["total"]["bytes"] == 32);
  CHECK(json["tensors"][1]["shape"] == nlohmann::ordered_json({5}));
  CHECK(json["shards"][0]["metadata"]["format"] == "pt");
  CHECK(nlohmann::json::parse(text_of({true, "nothing"}, inspect_json))["tensors"].empty());
  CHECK_FALSE(nlohmann::json::parse(text_of({false, ""}, inspect_json)).contains("tensors"));
}
