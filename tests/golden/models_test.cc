// Model classes, measured on the reference: rules chosen from config.json alone, both directions. Large ones
// at plan level (names, dtypes, shapes).
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "golden_case.h"
#include "plan/build_plan.h"
#include "rules/choose_rules.h"

using namespace tenon;
using namespace tenon::golden;

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kLarge = 50'000'000;  // bytes; beyond it only names, dtypes and shapes are compared

std::vector<fs::path> model_cases() {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(std::string(TENON_SOURCE_ROOT) + "/tests/golden/models")) {
    if (entry.path().extension() == ".json") out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

// Weights that another one is tied to may be absent on either side.
void drop_tied(Tensors& tensors, const Json& tied) {
  for (const auto& [key, to] : tied.items()) tensors.erase(key);
}

void check_case(const Json& c, const Library& library) {
  const bool digests = c["bytes"].get<std::int64_t>() <= kLarge;
  Options request;
  if (!c["fusion"].is_null()) {
    for (const auto& [family, on] : c["fusion"].items()) request.fuse.push_back(family);
  }
  const auto compare = [&](Tensors got, Tensors want) {
    drop_tied(got, c["tied"]);
    drop_tied(want, c["tied"]);
    CHECK(got == want);
  };
  const Checkpoint source = checkpoint_of(c["original"], c["config"]);
  const Bytes contents = digests ? make_contents(source, Contents::kElements) : Bytes();
  const RuleSet rules = choose_rules(request, source, library);
  const Plan forward = build_plan(source, rules, {});
  compare(made_by(forward, source, digests ? &contents : nullptr), expected_of(c["runtime"], digests));

  const Checkpoint fused = converted(forward, source, rules);
  const Bytes fused_contents = digests ? converted_contents(forward, source, contents, fused) : Bytes();
  Options back_options;
  back_options.to = Layout::kOriginal;
  const Library none{fs::path(TENON_SOURCE_ROOT) / "tests"};  // the manifest holds the rules
  const Plan back = build_plan(fused, choose_rules(back_options, fused, none), back_options);
  compare(made_by(back, fused, digests ? &fused_contents : nullptr), expected_of(c["original"], digests));
}

}  // namespace

TEST_CASE("every measured model class is exact, forward and back") {
  const Library library{fs::path(TENON_SOURCE_ROOT) / "rules"};
  const auto cases = model_cases();
  CHECK(cases.size() >= 203);
  for (const auto& path : cases) {
    std::ifstream in(path);
    const Json c = Json::parse(in);
    INFO(path.filename().string());
    try {
      check_case(c, library);
    } catch (const UserError& e) {
      FAIL_CHECK(e.what());
    }
  }
}
