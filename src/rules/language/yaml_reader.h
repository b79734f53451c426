// What every YAML file of tenon (rules, batch jobs) is read through: places for messages, and limits against
// hostile files.
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostics.h"

namespace tenon {

inline constexpr std::uint64_t kMaxYamlBytes = 4 << 20;

/// A YAML document and the text it came from.
class YamlFile {
 public:
  /// Parses. Too large, too deep, too many nodes once aliases are expanded, duplicate keys or no YAML at all:
  /// errors in `diagnostics`, and root() is null.
  YamlFile(std::string_view text, std::string file, Diagnostics& diagnostics);

  const YAML::Node& root() const { return root_; }
  const std::string& file() const { return file_; }

  /// Line, column and source line of a node.
  Place place(const YAML::Node& node) const;

 private:
  Place place(const YAML::Mark& mark) const;
  void check_tree(Diagnostics& diagnostics);
  bool is_indented_by_tab(int line) const;

  std::string file_;
  std::vector<std::string> lines_;
  YAML::Node root_;
};

/// Reads the keys of one map: typed getters that report what is wrong, and finish() that reports the keys
/// nobody asked for.
class MapReader {
 public:
  /// `what` names the map in messages: "a rule file", "Chunk".
  MapReader(const YamlFile& yaml, const YAML::Node& map, std::string what, Diagnostics& diagnostics);

  /// The node of a key, undefined where it is absent or null.
  YAML::Node take(const std::string& key);

  std::string text(const std::string& key, const std::string& fallback = {});
  std::optional<std::string> optional_text(const std::string& key);
  std::int64_t integer(const std::string& key, std::int64_t fallback);
  bool boolean(const std::string& key, bool fallback);
  /// One string or a list of strings.
  std::vector<std::string> texts(const std::string& key);

  /// Reports an absent key that must be there, and one without a value.
  void require(const std::string& key);
  /// Reports unknown keys, each with the nearest known one.
  void finish();

  void error(ErrorId id, const YAML::Node& at, std::string message, std::string hint = {});
  const YAML::Node& node() const { return map_; }

 private:
  const YamlFile& yaml_;
  YAML::Node map_;
  std::string what_;
  Diagnostics& diagnostics_;
  std::vector<std::string> known_;
};

}  // namespace tenon
