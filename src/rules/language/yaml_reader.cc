#include "rules/language/yaml_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/text.h"

namespace tenon {
namespace {

constexpr std::size_t kMaxScalar = 64 << 10;
constexpr int kMaxYamlDepth = 40;
constexpr std::size_t kMaxShownLine = 10'000;  // a longer one would be kept with every mistake in it
constexpr std::size_t kMaxNodes =
    500'000;  // of the tree with aliases written out: an alias bomb multiplies there

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    lines.emplace_back(text.substr(from, end - from));
    if (!lines.back().empty() && lines.back().back() == '\r') lines.back().pop_back();
    from = end + 1;
  }
  return lines;
}

}  // namespace

YamlFile::YamlFile(std::string_view text, std::string file, Diagnostics& diagnostics)
    : file_(std::move(file)) {
  const Place whole{file_, 0, 0, {}, "", ""};
  if (text.size() > kMaxYamlBytes) {
    diagnostics.error("yaml-limit"_id, whole,
                      fmt::format("{} is larger than any rule or job file should be ({})",
                                  human_bytes(text.size()), human_bytes(kMaxYamlBytes)));
    return;
  }
  if (const auto at = invalid_utf8(text)) {
    diagnostics.error("yaml-malformed"_id, {file_, 0, 0, *at, "", ""}, "not UTF-8",
                      "Save the file as UTF-8.");
    return;
  }
  lines_ = split_lines(text);
  try {  // yaml-cpp itself refuses to nest deeper than 500
    root_ = YAML::Load(std::string(text));
    check_tree(diagnostics);
  } catch (const YAML::Exception& e) {
    diagnostics.error(
        "yaml-malformed"_id, place(e.mark), fmt::format("not valid YAML: {}", e.msg),
        is_indented_by_tab(e.mark.line) ? "YAML does not allow tabs before a key: write spaces." : "");
    root_ = YAML::Node();
  }
}

// yaml-cpp does not say what it has against a tab, and may stumble a line behind it.
bool YamlFile::is_indented_by_tab(int line) const {
  const auto last = static_cast<std::size_t>(std::max(line + 1, 0));
  return std::any_of(lines_.begin(),
                     lines_.begin() + static_cast<std::ptrdiff_t>(std::min(last, lines_.size())),
                     [](const std::string& text) {
                       return text.substr(0, text.find_first_not_of(" \t")).find('\t') != std::string::npos;
                     });
}

Place YamlFile::place(const YAML::Mark& mark) const {
  if (mark.line < 0) return {file_, 0, 0, {}, "", ""};
  const auto line = static_cast<std::size_t>(mark.line);
  const bool shown = line < lines_.size() && lines_[line].size() <= kMaxShownLine;
  return {file_, mark.line + 1, mark.column + 1, {}, "", shown ? lines_[line] : ""};
}

Place YamlFile::place(const YAML::Node& node) const {
  return place(node.Mark());
}

void YamlFile::check_tree(Diagnostics& diagnostics) {
  struct Visit {
    YAML::Node node;
    int depth;
  };
  std::vector<Visit> stack = {{root_, 0}};
  std::size_t seen = 0;
  const auto fail = [&](const YAML::Node& at, std::string message) {
    diagnostics.error("yaml-limit"_id, place(at), std::move(message));
    root_ = YAML::Node();
  };
  while (!stack.empty()) {
    const Visit visit = stack.back();
    stack.pop_back();
    if (visit.depth > kMaxYamlDepth)
      return fail(visit.node, fmt::format("nested deeper than {} levels", kMaxYamlDepth));
    if (++seen > kMaxNodes) return fail(visit.node, "aliases make this file too large");
    if (visit.node.IsScalar() && visit.node.Scalar().size() > kMaxScalar) {
      return fail(visit.node, fmt::format("a value of {}", human_bytes(visit.node.Scalar().size())));
    }
    if (visit.node.IsSequence()) {
      for (const auto& child : visit.node) stack.push_back({child, visit.depth + 1});
    } else if (visit.node.IsMap()) {
      std::set<std::string> keys;
      for (const auto& entry : visit.node) {
        if (entry.first.IsScalar() && !keys.insert(entry.first.Scalar()).second) {
          diagnostics.error("yaml-duplicate-key"_id, place(entry.first),
                            fmt::format("the key '{}' stands here twice", entry.first.Scalar()));
        }
        stack.push_back({entry.first, visit.depth + 1});
        stack.push_back({entry.second, visit.depth + 1});
      }
    }
  }
}

MapReader::MapReader(const YamlFile& yaml, const YAML::Node& map, std::string what, Diagnostics& diagnostics)
    : yaml_(yaml), map_(map), what_(std::move(what)), diagnostics_(diagnostics) {
  if (map_.IsDefined() && !map_.IsNull() && !map_.IsMap())
    error("yaml-type"_id, map_, fmt::format("{} is a map of keys and values", what_));
}

YAML::Node MapReader::take(const std::string& key) {
  known_.push_back(key);
  if (!map_.IsMap()) return YAML::Node(YAML::NodeType::Undefined);
  const YAML::Node value = static_cast<const YAML::Node&>(map_)[key];
  return value.IsDefined() && value.IsNull() ? YAML::Node(YAML::NodeType::Undefined) : value;
}

std::optional<std::string> MapReader::optional_text(const std::string& key) {
  const YAML::Node value = take(key);
  if (!value.IsDefined()) return std::nullopt;
  if (!value.IsScalar()) {
    error("yaml-type"_id, value, fmt::format("'{}' of {} is a text", key, what_));
    return std::nullopt;
  }
  return value.Scalar();
}

std::string MapReader::text(const std::string& key, const std::string& fallback) {
  return optional_text(key).value_or(fallback);
}

std::int64_t MapReader::integer(const std::string& key, std::int64_t fallback) {
  const YAML::Node value = take(key);
  if (!value.IsDefined()) return fallback;
  std::int64_t out = 0;
  const std::string text = value.IsScalar() ? value.Scalar() : "";
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (failed != std::errc() || end != text.data() + text.size() || text.empty()) {
    error("yaml-type"_id, value, fmt::format("'{}' of {} is an integer", key, what_));
    return fallback;
  }
  return out;
}

bool MapReader::boolean(const std::string& key, bool fallback) {
  const YAML::Node value = take(key);
  if (!value.IsDefined()) return fallback;
  if (value.IsScalar() && (value.Scalar() == "true" || value.Scalar() == "false"))
    return value.Scalar() == "true";
  error("yaml-type"_id, value, fmt::format("'{}' of {} is true or false", key, what_));
  return fallback;
}

std::vector<std::string> MapReader::texts(const std::string& key) {
  const YAML::Node value = take(key);
  if (!value.IsDefined()) return {};
  if (value.IsScalar()) return {value.Scalar()};
  std::vector<std::string> out;
  if (value.IsSequence()) {
    for (const auto& item : value) {
      if (item.IsScalar()) {
        out.push_back(item.Scalar());
      } else {
        error("yaml-type"_id, item, fmt::format("'{}' of {} is a text or a list of texts", key, what_));
      }
    }
    return out;
  }
  error("yaml-type"_id, value, fmt::format("'{}' of {} is a text or a list of texts", key, what_));
  return out;
}

void MapReader::require(const std::string& key) {
  if (!map_.IsMap()) return;
  for (const auto& entry : map_) {
    if (!entry.first.IsScalar() || entry.first.Scalar() != key) continue;
    if (entry.second.IsNull())
      error("yaml-missing-key"_id, entry.first, fmt::format("'{}' of {} has no value", key, what_));
    return;
  }
  error("yaml-missing-key"_id, map_, fmt::format("{} needs the key '{}'", what_, key));
}

void MapReader::finish() {
  if (!map_.IsMap()) return;
  for (const auto& entry : map_) {
    const std::string name = entry.first.IsScalar() ? entry.first.Scalar() : "";
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    std::string hint = did_you_mean(name, known_);
    if (hint.empty()) hint = fmt::format("Known here: {}.", join_some(known_, 20));
    error("yaml-unknown-key"_id, entry.first, fmt::format("unknown key '{}' in {}", name, what_), hint);
  }
}

void MapReader::error(ErrorId id, const YAML::Node& at, std::string message, std::string hint) {
  diagnostics_.error(id, yaml_.place(at), std::move(message), std::move(hint));
}

}  // namespace tenon
