// Lint finds each planted defect on its line, and nothing in files without one. A faulty file says in its
// first line what is wrong with it: `# expect: ID LINE`, and after `also` what follows from it. Beside a file
// may stand the checkpoint that it is linted against: config.json and shapes.
#include "lint/lint.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "checkpoint/natural_order.h"
#include "lint/check_against.h"
#include "rules/parse_rules.h"

using namespace tenon;

namespace {

namespace fs = std::filesystem;

const fs::path kHere = fs::path(TENON_SOURCE_ROOT) / "tests/lint";

std::vector<fs::path> rule_files(const fs::path& folder) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".yaml") out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

Checkpoint read_checkpoint(const fs::path& path) {
  std::ifstream in(path);
  const auto json = nlohmann::ordered_json::parse(in);
  Checkpoint out;
  out.directory = path;
  out.config = json["config"];
  out.has_config = true;
  for (const auto& [key, shape] : json["tensors"].items()) {
    Tensor tensor;
    tensor.key = key;
    tensor.shape = shape.get<Shape>();
    tensor.bytes = *byte_size(tensor.dtype, tensor.shape);
    out.tensors.push_back(tensor);
  }
  std::sort(out.tensors.begin(), out.tensors.end(),
            [](const Tensor& a, const Tensor& b) { return natural_less(a.key, b.key); });
  return out;
}

std::vector<Diagnostic> lint(const fs::path& path, const Library& library) {
  Diagnostics parsed;
  Findings findings;
  const RuleFile file = read_rule_file(path, parsed);
  findings.add(parsed);
  const fs::path checkpoint = fs::path(path).replace_extension(".checkpoint.json");
  const bool against = fs::exists(checkpoint);
  if (!parsed.has_errors()) {
    lint_file(file, library, findings);
    if (against) lint_against(file, library, read_checkpoint(checkpoint), findings);
  }
  return settle(file, findings, against);
}

std::string rendered(const std::vector<Diagnostic>& findings) {
  std::string out;
  for (const auto& finding : findings) out += render(finding, false);
  return out;
}

struct Expectation {
  std::string id;
  int line = 0;
  std::set<std::string> also;
};

Expectation expectation_of(const fs::path& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  std::istringstream words(line);
  std::string hash;
  std::string expect;
  Expectation out;
  words >> hash >> expect >> out.id >> out.line;
  REQUIRE(expect == "expect:");
  for (std::string word; words >> word;) {
    if (word != "also") out.also.insert(word);
  }
  return out;
}

}  // namespace

TEST_CASE("lint finds each planted defect on its line") {
  const Library library(kHere / "library");
  const auto files = rule_files(kHere / "faulty");
  CHECK(files.size() >= 40);
  for (const auto& path : files) {
    const Expectation expected = expectation_of(path);
    const auto findings = lint(path, library);
    INFO(rendered(findings));
    INFO(path.filename().string() << ": " << expected.id << " on line " << expected.line);
    CHECK(std::any_of(findings.begin(), findings.end(), [&](const Diagnostic& d) {
      return d.id == expected.id && d.place.line == expected.line;
    }));
    for (const auto& d : findings) {
      const bool foreseen = d.id == expected.id || expected.also.contains(std::string(d.id.name()));
      CHECK(foreseen);
    }
  }
}

TEST_CASE("every kind of finding has a faulty file") {
  std::set<std::string> planted;
  for (const auto& path : rule_files(kHere / "faulty")) planted.insert(expectation_of(path).id);
  for (const auto& kind : finding_kinds()) {
    INFO(kind.id.name());
    CHECK(planted.contains(std::string(kind.id.name())));
  }
}

TEST_CASE("lint finds nothing in good files") {
  const Library library(kHere / "library");
  const auto files = rule_files(kHere / "good");
  CHECK(files.size() >= 20);
  for (const auto& path : files) {
    const auto findings = lint(path, library);
    INFO(rendered(findings));
    INFO(path.filename().string());
    CHECK(std::none_of(findings.begin(), findings.end(),
                       [](const Diagnostic& d) { return d.id != "unclaimed" && d.id != "matches-nothing"; }));
  }
}

TEST_CASE(
    "a finding shows the key that proves it, the line and the character; a release's patterns are no "
    "exception") {
  const std::string text =
      "tenon: 1\nname: a\nabout: b\norigin: transformers 5.17.0\n"
      "transforms:\n  - WeightRenaming: {source_patterns: '^embed.out\\.', target_patterns: '^lm_head\\.'}\n";
  Diagnostics parsed;
  Findings findings;
  const RuleFile file = parse_rules(text, "a.yaml", parsed);
  lint_file(file, Library(kHere / "library"), findings);
  const auto settled = settle(file, findings, false);
  REQUIRE(settled.size() == 1);
  CHECK(
      render(settled.front(), false) ==
      "a.yaml:6:46: warning[unescaped-dot]: the dot at character 7 of '^embed.out\\.' matches any character: "
      "'embed_out.proj.weight' is taken as well\n"
      "    - WeightRenaming: {source_patterns: '^embed.out\\.', target_patterns: '^lm_head\\.'}\n" +
          std::string(47, ' ') +
          "^\n"
          "  Write '\\.' for a dot.\n");
}
