// The rule library: the folders of rule files that come with tenon, and how a checkpoint's rules are found in
// them.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/diagnostics.h"
#include "options/options.h"
#include "rules/rule_set.h"

namespace tenon {

/// Folders `rules/` with `models/`, `fusions/` or both, in layers: of two files of one name the first one's
/// counts.
class Library {
 public:
  /// Of the rule files below `folder`, whose heads are read when they are first asked for: what needs no rule
  /// file needs no library. Then UserError is thrown where it holds no `models/`.
  explicit Library(std::filesystem::path folder);

  /// The same of several folders.
  explicit Library(std::vector<std::filesystem::path> folders);

  /// The folders that TENON_RULES names (with colons between), before the one that came with tenon: `rules/`
  /// beside or above the program or libtenon (bundle, build folder, wheel), else the installed one. Where
  /// there is none, the first use throws UserError that lists where it looked.
  static Library standard();

  /// The first of them.
  const std::filesystem::path& folder() const { return folders_.front(); }
  const std::vector<std::filesystem::path>& folders() const { return folders_; }

  /// Is it the one that standard() gives?
  bool is_standard() const { return is_standard_; }
  /// Heads only, by name.
  const std::vector<RuleFile>& models() const { return contents().models; }
  const std::vector<RuleFile>& families() const { return contents().families; }
  /// How many there are of both, by the names of their files, which are not read.
  std::pair<std::size_t, std::size_t> count_files() const;

  /// The path of a rule file: of the library by name, or a path to a file of the user's. Throws UserError
  /// that lists near names.
  std::filesystem::path locate_model(const std::string& name_or_path) const;
  std::filesystem::path locate_family(const std::string& name_or_path) const;

  /// The file whose `applies_to` fits best, nullptr where none does. An architecture beats a model type
  /// alone; two equally good files are a UserError. With an empty architecture only files without
  /// `architectures` are found.
  const RuleFile* detect(const std::string& model_type, const std::string& architecture) const;

  /// The file by which the release that the library was read off converts a class, whatever the model type
  /// says; nullptr where it knows none of that name (registry.json).
  const RuleFile* find_class(const std::string& architecture) const;

  /// The model type that a config means which names one that does not exist: a letter or two off, and its
  /// architecture likewise. "" where none is near.
  std::string misspelt(const std::string& model_type, const std::string& architecture) const;

  /// Does a rule file come with the library?
  bool owns(const std::filesystem::path& file) const;

 private:
  /// Which of the folders a file is in; their number: none.
  std::size_t layer_of(const std::filesystem::path& file) const;

  std::vector<std::filesystem::path> folders_;
  bool is_standard_ = false;
  struct Contents {
    std::vector<RuleFile> models;
    std::vector<RuleFile> families;
  };
  // registry.json: the classes of the release that the library was read off
  struct Registry {
    /// class -> model type, rule file
    std::map<std::string, std::pair<std::string, std::string>> classes;
    /// model types that need no rules
    std::set<std::string> other_types;
  };
  const Contents& contents() const;
  const Registry& registry() const;
  /// Throws UserError where a folder is no library, or there is none.
  void require_folders() const;

  /// where the standard one was not found
  std::vector<std::string> looked_;
  mutable std::shared_ptr<const Contents> contents_;
  mutable std::shared_ptr<const Registry> registry_;
};

/// The standard library, below the folders that --rules-dir, or else `otherwise`, names with colons between.
Library library_of(const Options& options, const std::string& otherwise = "");

}  // namespace tenon
