// The rule library, and what is wrong with rule files.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "tenon/error.h"
#include "tenon/options.h"

namespace tenon {
TENON_INLINE namespace v0 {
/// A rule file of the library.
struct RuleEntry {
  std::string name;
  std::string about;
  /// that it is found by, in config.json
  std::vector<std::string> model_types;
  /// likewise
  std::vector<std::string> architectures;
};

struct RuleLibrary {
  std::string folder;
  std::vector<RuleEntry> models;
  /// fusion families: ConvertOptions::fuse
  std::vector<RuleEntry> families;
  /// what `tenon rules list --json` prints
  std::string json;
};

/// Throws UserError where there is no library.
RuleLibrary rule_library(const RulesListOptions& options = {});

struct LintResult {
  std::size_t files = 0;
  std::vector<Diagnostic> findings;
  /// there are errors, or with `strict` warnings
  bool fails = false;
  /// what `tenon lint` prints
  std::string text;
  std::string json;
  std::string sarif;
};

/// Checks rule files, names of the library, or folders of rule files. Throws UserError where one is not
/// there, SystemError.
LintResult lint(const std::vector<std::string>& rules, const LintOptions& options = {});

/// A first draft of a rule file, from two checkpoints' keys and shapes.
struct Draft {
  /// YAML
  std::string rule_file;
  /// kinds of keys of `fused` that it does not make
  std::vector<std::string> unexplained;
  /// kinds of keys of `original` that it does not use
  std::vector<std::string> left_over;
};
Draft scaffold(const std::filesystem::path& original, const std::filesystem::path& fused,
               const std::string& name = "draft");

}  // namespace v0
}  // namespace tenon
