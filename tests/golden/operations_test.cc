// Random rule lists, measured on the reference: forward and back, names, dtypes, shapes and contents. Where
// the reference loses data on the way back (`roundtrip: false`), the original must come back here all the
// same.
#include <catch2/catch.hpp>
#include <fstream>

#include "golden_case.h"
#include "plan/build_plan.h"
#include "rules/flatten.h"
#include "rules/parse_rules.h"
#include "rules/resolved_rules.h"

using namespace tenon;
using namespace tenon::golden;

namespace {

// The measured list as a rule file. JSON is YAML.
std::string rule_file_of(const Json& transforms) {
  Json list = Json::array();
  for (Json t : transforms) {
    const auto kind = t["kind"].get<std::string>();
    t.erase("kind");
    if (t.contains("operations")) {
      for (auto& o : t["operations"]) {
        const auto name = o["op"].get<std::string>();
        o.erase("op");
        o = Json{{name, o}};
      }
    }
    list.push_back(Json{{kind, t}});
  }
  return Json{{"tenon", 1}, {"name", "case"}, {"about", "A measured case."}, {"transforms", list}}.dump();
}

RuleSet rules_of(const Json& c) {
  static const Library library{std::filesystem::path(TENON_SOURCE_ROOT) / "rules"};
  Diagnostics diagnostics;
  const RuleFile file = parse_rules(rule_file_of(c["transforms"]), "case.yaml", diagnostics);
  RuleSet rules;
  flatten_into(file, c["config"], library, rules, diagnostics);
  diagnostics.throw_if_errors();
  return rules;
}

}  // namespace

TEST_CASE("every measured operation case is exact, forward and back") {
  std::ifstream in(std::string(TENON_SOURCE_ROOT) + "/tests/golden/operations.json");
  int cases = 0;
  for (const Json& c : Json::parse(in)) {
    if (c.contains("error")) continue;
    INFO("case " << c["case"] << " " << c["kind"]);
    ++cases;
    const RuleSet rules = rules_of(c);
    const Checkpoint source = checkpoint_of(c["original"], c["config"]);
    const Bytes contents = make_contents(source, Contents::kBytes);
    const Plan forward = build_plan(source, rules, {});
    CHECK(made_by(forward, source, &contents) == expected_of(c["runtime"], true));

    const Checkpoint fused = converted(forward, source, rules);
    const Bytes fused_contents = converted_contents(forward, source, contents, fused);
    Options back_options;
    back_options.to = Layout::kOriginal;
    const Plan back = build_plan(fused, rules, back_options);
    CHECK(made_by(back, fused, &fused_contents) == expected_of(c["original"], true));
    const RuleSet kept = resolved_rules(*fused.manifest, "tenon-manifest.json");
    const Plan by_manifest = build_plan(fused, kept, back_options);
    CHECK(made_by(by_manifest, fused, &fused_contents) == expected_of(c["original"], true));
  }
  CHECK(cases == 240);
}
