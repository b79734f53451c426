// A rule library in a temporary folder, written by a test.
#pragma once

#include <string>

#include "rules/library.h"
#include "temporary_folder.h"

namespace tenon {

class RuleFolder {
 public:
  RuleFolder() { std::filesystem::create_directories(folder_ / "models"); }

  /// `kind` is "models" or "fusions"; the head is written here.
  void add(const std::string& kind, const std::string& name, const std::string& body) const {
    write_file(folder_ / kind / (name + ".yaml"), "tenon: 1\nname: " + name + "\nabout: A test.\n" + body);
  }

  Library library() const { return Library(folder_.path()); }
  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

}  // namespace tenon
