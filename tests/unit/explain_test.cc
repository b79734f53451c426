#include "plan/explain.h"

#include <catch2/catch.hpp>

#include "plan_fixture.h"

using namespace tenon;
using namespace tenon::test;
using Catch::Contains;

namespace {

const std::string kRules = R"(transforms:
  - WeightRenaming: {source_patterns: '\.moe\.', target_patterns: .mlp.}
  - WeightConverter: {source_patterns: 'experts\.*.w\.weight', target_patterns: experts.w, operations: [MergeModulelist: {dim: 0}]}
  - WeightConverter: {source_patterns: 'experts', target_patterns: other, operations: [Transpose: {}]}
)";

Explanation explained(const std::string& key) {
  const Checkpoint source = checkpoint_of(
      {{"l.moe.experts.0.w.weight", {2, 3}}, {"l.moe.experts.1.w.weight", {2, 3}}, {"norm", {4}}});
  const RuleSet rules = rules_of(kRules, source);
  return explain_key(source, rules, build_plan(source, rules, {}), key);
}

}  // namespace

TEST_CASE("a source key: what each transform saw and made, why a later one did not fire, and the way back") {
  const Explanation e = explained("l.moe.experts.1.w.weight");
  CHECK(e.results == std::vector<std::string>{"l.mlp.experts.w"});
  REQUIRE(e.steps.size() == 3);
  CHECK(e.steps[0].made == "l.mlp.experts.1.w.weight");
  CHECK(e.steps[1].made == "l.mlp.experts.w");
  CHECK(e.steps[2].why_not == "another converter took the key before it");
  REQUIRE(e.back_steps.size() == 2);
  CHECK(e.back_steps[0].saw == "l.mlp.experts.w");
  CHECK(e.back_steps[1].saw == "l.mlp.experts.1.w.weight");
  CHECK(e.back_steps[1].made == "l.moe.experts.1.w.weight");
}

TEST_CASE("an output key: what it is made of") {
  const Explanation e = explained("l.mlp.experts.w");
  CHECK_FALSE(e.is_source);
  CHECK(e.made_of == std::vector<std::string>{"l.moe.experts.0.w.weight", "l.moe.experts.1.w.weight"});
  CHECK_THAT(e.made_by, Contains("MergeModulelist(dim=0)"));
}

TEST_CASE("a key that nobody knows: near ones are named") {
  CHECK_THAT(error_of([] { explained("l.moe.experts.7.w.weight"); }),
             Contains("Near: l.moe.experts.0.w.weight"));
}
