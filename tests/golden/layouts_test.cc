// Every measured model class in both of its layouts and without a manifest, asked for the layout that it is
// in: refused as there already, or converted to itself; never converted a second time, and refused for
// nothing else.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "golden_case.h"
#include "plan/build_plan.h"
#include "rules/choose_rules.h"

using namespace tenon;
using namespace tenon::golden;

namespace {

struct LayoutCounts {
  int refused = 0;
  int itself = 0;
  int again = 0;
  int other_reason = 0;
};

bool is_itself(const Plan& plan, const Checkpoint& source) {
  return std::equal(plan.outputs.begin(), plan.outputs.end(), source.tensors.begin(), source.tensors.end(),
                    [](const PlannedTensor& o, const Tensor& t) {
                      return o.key == t.key && o.view.dtype == t.dtype && o.view.shape == t.shape &&
                             (o.view.pieces.empty() || is_identity(o.view, o.view.pieces.front().source));
                    });
}

void ask_for(Layout layout, const Json& c, const Library& library, LayoutCounts& counts) {
  const Checkpoint source =
      checkpoint_of(c[layout == Layout::kOriginal ? "original" : "runtime"], c["config"]);
  Options request;
  request.to = layout;
  if (!c["fusion"].is_null() && layout == Layout::kOriginal) {
    for (const auto& [family, on] : c["fusion"].items()) request.fuse.push_back(family);
  }
  try {
    const Plan plan = build_plan(source, choose_rules(request, source, library), request);
    const bool itself = is_itself(plan, source);
    ++(itself ? counts.itself : counts.again);
    CHECK(itself);
  } catch (const UserError& e) {
    const std::string wanted = "already in the " + std::string(name_of(layout)) + " layout";
    const bool right = std::string(e.what()).find(wanted) != std::string::npos;
    ++(right ? counts.refused : counts.other_reason);
    if (!right) UNSCOPED_INFO(e.what());
    CHECK(right);
  }
}

}  // namespace

TEST_CASE("every model class that is in the wanted layout already is left there, without a manifest") {
  const std::filesystem::path root(TENON_SOURCE_ROOT);
  const Library library{root / "rules"};
  LayoutCounts counts;
  int classes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(root / "tests/golden/models")) {
    std::ifstream in(entry.path());
    const Json c = Json::parse(in);
    ++classes;
    for (const Layout layout : {Layout::kOriginal, Layout::kFused}) {
      INFO(entry.path().filename().string() << " to " << name_of(layout));
      ask_for(layout, c, library, counts);
    }
  }
  CHECK(counts.again == 0);
  CHECK(counts.other_reason == 0);
  // Each class in two layouts, and none lost on the way.
  CHECK(classes >= 287);
  CHECK(counts.refused + counts.itself == 2 * classes);
  std::cout << 2 * classes << " layouts: " << counts.refused << " refused as already there, " << counts.itself
            << " converted to themselves, " << counts.again << " converted again, " << counts.other_reason
            << " refused for another reason\n";
  CHECK(counts.refused > counts.itself);  // else the rules would tell nothing apart
}
