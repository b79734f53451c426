// The whole rule library: complete, sound, and clean under lint.
#include "rules/library.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "lint/lint.h"
#include "rules/choose_rules.h"
#include "rules/invert.h"
#include "rules/key_rewriter.h"
#include "rules/operations/layout_operation.h"
#include "rules/parse_rules.h"

using namespace tenon;
using Json = nlohmann::ordered_json;

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = TENON_SOURCE_ROOT;

const Library& library() {
  static const Library kLibrary(kRoot / "rules");
  return kLibrary;
}

Json read_json(const fs::path& path) {
  std::ifstream in(path);
  return Json::parse(in);
}

std::vector<RuleFile> all_files() {
  std::vector<RuleFile> out = library().models();
  out.insert(out.end(), library().families().begin(), library().families().end());
  return out;
}

RuleFile read(const RuleFile& head) {
  Diagnostics diagnostics;
  RuleFile file = read_rule_file(head.path, diagnostics);
  diagnostics.throw_if_errors();
  return file;
}

// The config.json of each golden case, with the rule file that is found for it.
std::vector<std::pair<std::string, Json>> golden_configs() {
  std::vector<std::pair<std::string, Json>> out;
  for (const auto& entry : fs::directory_iterator(kRoot / "tests/golden/models")) {
    if (entry.path().extension() != ".json") continue;
    const Json golden = read_json(entry.path());
    const RuleFile* const found =
        library().detect(golden["model_type"].get<std::string>(), golden["class"].get<std::string>());
    if (found != nullptr) out.emplace_back(found->name, golden["config"]);
  }
  return out;
}

std::vector<std::string> operations_of(const Transform& t) {
  std::vector<std::string> out;
  for (const auto& operation : t.operations) out.push_back(to_string(operation));
  return out;
}

void check_inverts(const Transform& t) {
  const Transform back = invert(t);
  const Transform again = invert(back);
  CHECK(operations_of(again) == operations_of(t));
  CHECK_FALSE(again.inverted);
  try {
    const KeyRewriter forward(t);
    if (t.forward_only) return;
    const KeyRewriter backward(back);
  } catch (const UserError& e) {
    FAIL_CHECK(e.what());
  }
}

}  // namespace

TEST_CASE("every file of the library parses, and its transforms invert") {
  const auto heads = all_files();
  CHECK(heads.size() > 250);
  for (const auto& head : heads) {
    INFO(head.path.filename().string());
    try {
      for (const auto& t : read(head).transforms) check_inverts(t);
    } catch (const UserError& e) {
      FAIL_CHECK(e.what());
    }
  }
}

TEST_CASE(
    "every rule file takes part in a golden case, or tests/golden/README.md says why none can be built") {
  std::set<std::string> taking_part;
  for (const auto& [name, config] : golden_configs()) {
    INFO(name);
    Diagnostics diagnostics;
    const RuleFile file = read_rule_file(library().locate_model(name), diagnostics);
    const RuleSet flat = flatten(file, config, library(), diagnostics);
    for (const auto& d : diagnostics.all()) FAIL_CHECK(render(d, false));
    for (const auto& t : flat.transforms) check_inverts(t);
    for (const auto& used : flat.files) taking_part.insert(used.name);
  }
  std::ostringstream readme;
  readme << std::ifstream(kRoot / "tests/golden/README.md").rdbuf();
  for (const auto& head : library().models()) {
    INFO(head.name);
    // tests/golden/layout_pairs.py compares each layout of another runtime with NumPy, and fails where one is
    // untried.
    if (std::filesystem::exists(kRoot / "rules/layouts" / (head.name + ".yaml"))) continue;
    const bool excused = readme.str().find("`" + head.name + "`") != std::string::npos;
    CHECK(taking_part.contains(head.name) != excused);
  }
}

TEST_CASE("every entry of the reference's registry has its rule file") {
  const Json registry = read_json(kRoot / "rules/registry.json");
  CHECK(registry["entries"].size() >= 200);
  for (const auto& [entry, record] : registry["entries"].items()) {
    INFO(entry);
    CHECK_NOTHROW(library().locate_model(record["rules"].get<std::string>()));
  }
  for (const auto& [name, record] : registry["classes"].items()) {
    INFO(name);
    const RuleFile* const found = library().detect(record["model_type"].get<std::string>(), name);
    REQUIRE(found != nullptr);
    CHECK(found->name == record["rules"].get<std::string>());
  }
}

TEST_CASE("the library lints clean") {
  for (const auto& head : all_files()) {
    Findings findings;
    const RuleFile file = read(head);
    lint_file(file, library(), findings);
    for (const auto& d : settle(file, findings, false)) {
      if (d.severity != Severity::kNote || d.id == "unused-silence") FAIL_CHECK(render(d, false));
    }
  }
}
