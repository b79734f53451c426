// Random rule lists with the layout operations that the reference has not, against NumPy
// (layout_operations.py): forward, and back by the manifest, names, dtypes, shapes and contents.
#include <catch2/catch.hpp>
#include <fstream>

#include "golden_case.h"
#include "plan/build_plan.h"
#include "rules/flatten.h"
#include "rules/parse_rules.h"

using namespace tenon;
using namespace tenon::golden;

namespace {

RuleSet layout_rules(const Json& c) {
  static const Library library{std::filesystem::path(TENON_SOURCE_ROOT) / "rules"};
  const Json file = {
      {"tenon", 1}, {"name", "case"}, {"about", "A random case."}, {"transforms", c["transforms"]}};
  Diagnostics diagnostics;
  const RuleFile parsed = parse_rules(file.dump(), "case.yaml", diagnostics);  // JSON is YAML
  RuleSet rules;
  flatten_into(parsed, Json::object(), library, rules, diagnostics);
  diagnostics.throw_if_errors();
  return rules;
}

}  // namespace

TEST_CASE("every random layout is what NumPy makes of it, and comes back") {
  std::ifstream in(std::string(TENON_SOURCE_ROOT) + "/tests/golden/layout_operations.json");
  int cases = 0;
  for (const Json& c : Json::parse(in)) {
    INFO("case " << c["case"] << " " << c["transforms"].dump());
    ++cases;
    const RuleSet rules = layout_rules(c);
    const Checkpoint source = checkpoint_of(c["original"], Json::object());
    const Bytes contents = make_contents(source, Contents::kBytes);
    const Plan forward = build_plan(source, rules, {});
    CHECK(made_by(forward, source, &contents) == expected_of(c["runtime"], true));

    const Checkpoint fused = converted(forward, source, rules);
    const Bytes fused_contents = converted_contents(forward, source, contents, fused);
    Options back_options;
    back_options.to = Layout::kOriginal;
    const Plan back = build_plan(fused, rules, back_options);
    CHECK(made_by(back, fused, &fused_contents) == expected_of(c["original"], true));
  }
  CHECK(cases == 240);
}
