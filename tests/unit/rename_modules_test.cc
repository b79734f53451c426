#include "plan/rename_modules.h"

#include <catch2/catch.hpp>

#include "plan_fixture.h"

namespace tenon {
namespace {

using test::checkpoint_of;
using test::rules_of;

const char* const kJoin =
    "transforms: [WeightRenaming: {source_patterns: '^old\\.', target_patterns: 'new.'}, WeightConverter: "
    "{source_patterns: ['\\.q\\.weight$', '\\.k\\.weight$'], target_patterns: '\\.qk\\.weight$', operations: "
    "[Concatenate: {dim: 0, sizes: equal}]}]";

const test::KeysAndShapes kTensors = {{"old.a.q.weight", {2, 2}},
                                      {"old.a.k.weight", {2, 2}},
                                      {"old.gate.weight", {2, 2}},
                                      {"head.weight", {2}}};

Plan plan_with(const nlohmann::ordered_json& ignore) {
  const Checkpoint checkpoint = checkpoint_of(kTensors, {{"quantization_config", {{"ignore", ignore}}}});
  return build_plan(checkpoint, rules_of(kJoin, checkpoint), {});
}

TEST_CASE("rename_modules: entries follow their modules, joined ones become one") {
  const Plan plan = plan_with({"head", "old.gate", "old.a.q", "old.a.k"});
  REQUIRE(plan.config_edits.size() == 1);
  CHECK(plan.config_edits[0].path == "quantization_config.ignore");
  CHECK(*plan.config_edits[0].after == nlohmann::ordered_json({"head", "new.gate", "new.a.qk"}));
}

TEST_CASE("rename_modules: a module that is joined with one that is not listed stays, and is told") {
  const Plan plan = plan_with({"old.a.q"});
  CHECK(plan.config_edits.empty());
  CHECK(std::any_of(plan.notes.begin(), plan.notes.end(), [](const Diagnostic& note) {
    return note.id == "config-stale-name" && note.message.find("old.a.k") != std::string::npos;
  }));
}

TEST_CASE("rename_modules: a pattern that finds a module no more is told, one that still does is not") {
  CHECK(plan_with({"re:.*head"}).notes.size() + 1 == plan_with({"re:old.gate"}).notes.size());
}

}  // namespace
}  // namespace tenon
