// The rule library: the folders of rule files that come with tenon, and how a checkpoint's rules are found in
// them.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/diagnostics.h"
#include "rules/rule_set.h"

namespace tenon {

/// One folder `rules/` with `models/` and `fusions/`.
class Library {
 public:
  /// Reads the heads of all rule files below `folder`. Throws UserError where it holds no `models/`.
  explicit Library(std::filesystem::path folder);

  /// TENON_RULES, else `rules/` beside or above the program (bundle, build folder), else the installed one.
  /// Throws UserError that lists where it looked.
  static Library standard();

  const std::filesystem::path& folder() const { return folder_; }

  /// Is it the one that standard() gives?
  bool is_standard() const { return is_standard_; }
  const std::vector<RuleFile>& models() const { return models_; }      // heads only, by name
  const std::vector<RuleFile>& families() const { return families_; }  // heads only, by name

  /// The path of a rule file: of the library by name, or a path to a file of the user's. Throws UserError
  /// that lists near names.
  std::filesystem::path locate_model(const std::string& name_or_path) const;
  std::filesystem::path locate_family(const std::string& name_or_path) const;

  /// The file whose `applies_to` fits best, nullptr where none does. An architecture beats a model type
  /// alone; two equally good files are a UserError. With an empty architecture only files without
  /// `architectures` are found.
  const RuleFile* detect(const std::string& model_type, const std::string& architecture) const;

 private:
  std::filesystem::path folder_;
  bool is_standard_ = false;
  std::vector<RuleFile> models_;
  std::vector<RuleFile> families_;
};

}  // namespace tenon
