// Frequencies of rotary embedding by the types that configs name.
#include "modules/rotation.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "modules/module_names.h"
#include "modules/operation.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

Json parameters(const char* text) {
  return Json::parse(text);
}

}  // namespace

TEST_CASE("rotation: each type changes the plain frequencies as it says") {
  const Rotation plain = plain_rotation(10000, 8);
  REQUIRE(plain.frequencies.size() == 4);
  CHECK(plain.frequencies[2] == Approx(0.01));
  const Rotation linear =
      rotation_of(parameters(R"({"rope_type": "linear", "rope_theta": 10000, "factor": 4})"), 8, 16);
  for (std::size_t i = 0; i < 4; ++i) CHECK(linear.frequencies[i] == plain.frequencies[i] / 4);
  const Rotation half =
      rotation_of(parameters(R"({"rope_theta": 10000, "partial_rotary_factor": 0.5})"), 16, 16);
  CHECK(half.frequencies == plain.frequencies);
  const Rotation some = rotation_of(
      parameters(R"({"rope_type": "proportional", "rope_theta": 10000, "partial_rotary_factor": 0.5})"), 8,
      16);
  CHECK(some.frequencies == std::vector<double>{plain.frequencies[0], plain.frequencies[1], 0, 0});
  // Beyond the length that it was trained for, and not before, theta grows.
  const Json dynamic = parameters(
      R"({"rope_type": "dynamic", "rope_theta": 10000, "factor": 2, "max_position_embeddings": 16})");
  CHECK(rotation_of(dynamic, 8, 16).frequencies == plain.frequencies);
  CHECK(rotation_of(dynamic, 8, 32).frequencies[1] < plain.frequencies[1]);
  // The wave of pair 0 is short, that of pair 3 long.
  const Rotation llama3 = rotation_of(parameters(R"({"rope_type": "llama3", "rope_theta": 10000, "factor": 8,
      "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 64})"),
                                      8, 16);
  CHECK(llama3.frequencies[0] == plain.frequencies[0]);
  CHECK(llama3.frequencies[3] == plain.frequencies[3] / 8);
  const Rotation yarn = rotation_of(parameters(R"({"rope_type": "yarn", "rope_theta": 10000, "factor": 4,
      "original_max_position_embeddings": 64})"),
                                    8, 16);
  CHECK(yarn.factor == Approx(0.1 * std::log(4) + 1));
  CHECK(yarn.frequencies[3] == Approx(plain.frequencies[3] / 4));
  const Json longrope = parameters(R"({"rope_type": "longrope", "rope_theta": 10000, "factor": 4,
      "original_max_position_embeddings": 16, "short_factor": [1, 2, 4, 8], "long_factor": [2, 2, 2, 2]})");
  CHECK(rotation_of(longrope, 8, 16).frequencies[1] == plain.frequencies[1] / 2);
  CHECK(rotation_of(longrope, 8, 17).frequencies[3] == plain.frequencies[3] / 2);
  CHECK(rotation_of(longrope, 8, 16).factor == Approx(std::sqrt(1 + std::log(4) / std::log(16))));
}

TEST_CASE("rotation: of an odd number of channels the last pair is whole") {
  const Rotation odd =
      rotation_of(parameters(R"({"rope_theta": 10000, "partial_rotary_factor": 0.25})"), 12, 16);
  REQUIRE(odd.rotary() == 4);
  CHECK(odd.frequencies[1] == Approx(std::pow(10000, -2.0 / 3)));
  CHECK_THROWS_AS(rotation_of(parameters(R"({"rope_theta": 10000})"), 7, 16), Misfit);
}

TEST_CASE("rotation: patches turn by their row and their column") {
  CHECK(picture_columns(16) == 4);
  CHECK(picture_columns(12) == 4);  // in three rows
  CHECK(picture_columns(7) == 7);
  const Rotation plain = plain_rotation(10000, 4);
  const Rotation halves = picture_rotation(10000, 8, "halves");
  CHECK(halves.frequencies == std::vector<double>{plain.frequencies[0], plain.frequencies[1],
                                                  plain.frequencies[0], plain.frequencies[1]});
  // Patch 6 of 12 stands in row 1, column 2.
  const RotationTable in_halves(12, halves);
  const RotationTable in_turns(12, picture_rotation(10000, 8, "turns"));
  CHECK(in_halves.sin[6 * 4 + 0] == Approx(std::sin(1)));
  CHECK(in_halves.sin[6 * 4 + 2] == Approx(std::sin(2)));
  CHECK(in_turns.sin[6 * 4 + 0] == Approx(std::sin(2)));
  CHECK(in_turns.sin[6 * 4 + 1] == Approx(std::sin(1)));
  CHECK_THROWS_AS(picture_rotation(10000, 6, "halves"), Misfit);
  CHECK_THROWS_AS(picture_rotation(10000, 8, "spiral"), Misfit);
}

TEST_CASE("rotation: what a type needs and an unknown type are told") {
  CHECK_THROWS_AS(rotation_of(parameters(R"({"rope_type": "spiral", "rope_theta": 10000})"), 8, 16), Misfit);
  CHECK_THROWS_AS(rotation_of(parameters(R"({"rope_type": "linear", "rope_theta": 10000})"), 8, 16), Misfit);
  CHECK_THROWS_AS(rotation_of(parameters(R"({"factor": 2})"), 8, 16), Misfit);
  CHECK_THROWS_AS(rotation_of(nullptr, 8, 16), Misfit);
}

TEST_CASE("rotation: a config keeps its parameters by kind of layer, for all, or as older files do") {
  const Json kinds =
      parameters(R"({"layer_types": ["full_attention", "sliding_attention"], "rope_parameters": {
      "full_attention": {"rope_theta": 7}, "sliding_attention": {"rope_theta": 5}}})");
  CHECK(rotary_parameters(kinds, 0)["rope_theta"] == 7);
  CHECK(rotary_parameters(kinds, 1)["rope_theta"] == 5);
  CHECK(rotary_parameters(kinds, 2).is_null());
  const Json old = parameters(R"({"rope_theta": 9, "rope_scaling": {"type": "linear", "factor": 2},
      "max_position_embeddings": 99})");
  CHECK(rotary_parameters(old, 0)["rope_theta"] == 9);
  CHECK(rotary_parameters(old, 0)["factor"] == 2);
  CHECK(rotary_parameters(Json::object(), 0).is_null());
}

TEST_CASE("module names: a tower's own config does not fall back on the text model's") {
  const Json config =
      parameters(R"({"model_type": "both", "hidden_act": "silu", "text_config": {"model_type": "words_text",
      "hidden_size": 8}, "vision_config": {"model_type": "eyes", "hidden_act": "gelu"}})");
  const ModuleConfig text(config, "model.language_model.layers.3.mlp");
  CHECK(evaluate("${own.hidden_act}", config, text.names(), {}) == "silu");
  CHECK(evaluate("${own.hidden_size + layer}", config, text.names(), {}) == 11);
  CHECK(text.is_of({"words"}));
  CHECK(text.is_of({"both"}));
  CHECK_FALSE(text.is_of({"eyes"}));
  const ModuleConfig vision(config, "model.vision_tower.layers.0.mlp",
                            {{"act", "${own.hidden_act}"}, {"gone", "${own.hidden_size}"}});
  CHECK(evaluate("${set.act}", config, vision.names(), {}) == "gelu");
  CHECK(vision.is_of({"eyes"}));
  CHECK_FALSE(vision.is_of({"both"}));
  CHECK_THROWS_AS(evaluate("${set.gone}", config, vision.names(), {}), UserError);
  CHECK_THROWS_AS(evaluate("${own.hidden_size}", config, vision.names(), {}), UserError);
}

}  // namespace tenon
