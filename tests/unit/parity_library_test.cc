// Every rule of the library that does more than rename has a module program, or a reason here.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <map>

#include "parity/parity.h"
#include "parity/parse_modules.h"
#include "rules/parse_rules.h"

namespace tenon {
namespace {

const std::filesystem::path kRules = std::filesystem::path(TENON_SOURCE_ROOT) / "rules";

const std::map<std::string, std::string> kReasons = {
    {"ngram_embedding.weight", "rows of a table are looked up: no arithmetic depends on where they stand"},
    {"mlp.text_moe.gate.moe_statics.e_score_correction_bias",
     "each router takes one row of the original tensor, and a program's operand is a whole weight; it only "
     "decides which experts are chosen"},
};

std::vector<RuleFile> files_of(const char* folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(kRules / folder))
    paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  Diagnostics diagnostics;
  std::vector<RuleFile> out;
  for (const auto& path : paths) {
    if (path.extension() == ".yaml") out.push_back(read_rule_file(path, diagnostics));
  }
  diagnostics.throw_if_errors();
  return out;
}

std::vector<ModuleProgram> programs() {
  Diagnostics diagnostics;
  std::vector<ModuleProgram> out;
  for (const char* folder : {"parity", "fusions"}) {
    for (const auto& file : files_of(folder)) {
      for (auto& program : parse_modules(file, diagnostics)) out.push_back(std::move(program));
    }
  }
  diagnostics.throw_if_errors();
  return out;
}

// "\.experts\.*.w1.weight$" as a name: the text that it matches, with its `*`.
std::string name_of_pattern(std::string pattern) {
  std::erase(pattern, '\\');
  if (pattern.starts_with('^')) pattern.erase(0, 1);
  if (pattern.ends_with('$')) pattern.pop_back();
  if (pattern.starts_with('.')) pattern.erase(0, 1);
  return pattern;
}

// Is a pattern's text a weight of the program, seen from the module that the weight is named from? A pattern
// may leave off the end: `wqkv` stands for wqkv.weight and wqkv.bias.
bool names(const Program& program, const std::string& pattern) {
  const std::string text = name_of_pattern(pattern);
  return std::any_of(program.weights.begin(), program.weights.end(), [&](const WeightName& weight) {
    const std::string& name = weight.name;
    if (weight.list() != (text.find('*') != std::string::npos)) return false;
    const std::string whole = name.starts_with(text + ".") ? name : text;
    const std::size_t at = text.rfind(name.substr(0, name.rfind('.')));
    return whole == name || text.ends_with("." + name) ||
           (at != std::string::npos && name.starts_with(text.substr(at) + "."));
  });
}

bool covers(const ModuleProgram& program, const Transform& transform) {
  const auto all_named = [](const Program& side, const std::vector<std::string>& patterns) {
    return std::all_of(patterns.begin(), patterns.end(), [&](const auto& p) { return names(side, p); });
  };
  const auto any_named = [](const Program& side, const std::vector<std::string>& patterns) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const auto& p) { return names(side, p); });
  };
  // One source may feed several modules, each with its own program: text and vision experts.
  return all_named(program.original, transform.source_patterns) &&
         any_named(program.fused, transform.target_patterns);
}

}  // namespace

TEST_CASE("library: every rule that does more than rename has a module program, or a reason") {
  const auto all = programs();
  std::size_t converters = 0;
  for (const char* folder : {"models", "fusions"}) {
    for (const auto& file : files_of(folder)) {
      for (const auto& transform : file.transforms) {
        if (transform.operations.empty()) continue;
        ++converters;
        const bool covered =
            std::any_of(all.begin(), all.end(), [&](const auto& p) { return covers(p, transform); });
        const bool excused = kReasons.contains(name_of_pattern(transform.target_patterns.front()));
        INFO(file.name << ": " << transform.source_patterns.front() << " -> "
                       << transform.target_patterns.front());
        CHECK(covered != excused);
      }
    }
  }
  CHECK(converters > 50);
}

}  // namespace tenon
