#include "plan/map_keys.h"

#include <catch2/catch.hpp>

#include "plan_fixture.h"

using namespace tenon;
using namespace tenon::test;

namespace {

std::string mapped(const std::string& yaml, const std::string& key, const FusedKeys& fused_keys = {}) {
  const Checkpoint none = checkpoint_of({});
  const RuleSet rules = rules_of(yaml, none);
  return KeyMapper(rules.transforms, true, fused_keys).map(key).key;
}

}  // namespace

TEST_CASE("renamings chain, each seeing what the one before it left") {
  const std::string yaml =
      "transforms: [WeightRenaming: {source_patterns: a, target_patterns: b}, WeightRenaming: "
      "{source_patterns: b, target_patterns: c}]";
  CHECK(mapped(yaml, "x.a.y") == "x.c.y");
}

TEST_CASE("of the converters only the first that matches applies") {
  const std::string yaml = R"(transforms:
  - WeightConverter: {source_patterns: w, target_patterns: first, operations: [Transpose: {}]}
  - WeightConverter: {source_patterns: w, target_patterns: second, operations: [Transpose: {}]}
)";
  CHECK(mapped(yaml, "x.w") == "x.first");
}

TEST_CASE("a scope is tried with the base model's prefix first, and put back") {
  const std::string yaml =
      "transforms: [WeightRenaming: {source_patterns: '^a', target_patterns: b, scope_prefix: tower, "
      "base_model_prefix: model}]";
  CHECK(mapped(yaml, "model.tower.a") == "model.tower.b");
  CHECK(mapped(yaml, "tower.a") == "tower.b");
  CHECK(mapped(yaml, "a") == "a");
}

TEST_CASE("with the fused keys known a head-less checkpoint fits, and a fused key is left alone") {
  const FusedKeys keys({"model.layers.*.norm.weight", "model.embed.weight"}, "model");
  CHECK(mapped("", "layers.3.norm.weight", keys) == "model.layers.3.norm.weight");
  const std::string rename = "transforms: [WeightRenaming: {source_patterns: norm, target_patterns: ln}]";
  CHECK(mapped(rename, "model.layers.3.norm.weight", keys) == "model.layers.3.norm.weight");
}

TEST_CASE("fused keys are found by template, literally, and number by number") {
  const FusedKeys keys({"a.*.b", "c.d", "e.0.*", "f.*x"}, "");
  CHECK(keys.contains("a.12.b"));
  CHECK(keys.contains("a.text.b"));
  CHECK(keys.contains("c.d"));
  CHECK(keys.contains("e.0.z"));
  CHECK_FALSE(keys.contains("e.1.z"));
  CHECK(keys.contains("f.yx"));
  CHECK_FALSE(keys.contains("f.y"));
}
