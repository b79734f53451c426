#include "plan/config_paths.h"

#include <algorithm>
#include <vector>

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxDepth = 100;  // of config.json, as it is read

std::vector<std::string> segments_of(const std::string& path) {
  std::vector<std::string> out;
  for (std::size_t from = 0; from <= path.size();) {
    const std::size_t end = std::min(path.find('.', from), path.size());
    out.push_back(path.substr(from, end - from));
    from = end + 1;
  }
  return out;
}

void put_below(Json& node, const std::vector<std::string>& path, std::size_t depth,
               const std::optional<Json>& value) {
  const std::string& key = path[depth];
  if (depth + 1 == path.size()) {
    if (value) {
      node[key] = *value;
    } else {
      node.erase(key);
    }
    return;
  }
  if (!node.contains(key)) {
    if (!value) return;
    node[key] = Json::object();
  }
  put_below(node[key], path, depth + 1, value);
  if (!value && node[key].is_object() && node[key].empty()) node.erase(key);
}

}  // namespace

std::optional<Json> value_at(const Json& config, const std::string& path) {
  const Json* node = &config;
  for (const auto& segment : segments_of(path)) {
    if (!node->is_object() || !node->contains(segment)) return std::nullopt;
    node = &(*node)[segment];
  }
  return *node;
}

bool fits(const Json& config, const std::string& path) {
  const Json* node = &config;
  const auto segments = segments_of(path);
  if (segments.size() > kMaxDepth) return false;
  for (const auto& segment : segments) {
    if (!node->is_object()) return false;
    if (!node->contains(segment)) return true;
    node = &(*node)[segment];
  }
  return true;
}

void put(Json& config, const std::string& path, const std::optional<Json>& value) {
  put_below(config, segments_of(path), 0, value);
}

}  // namespace tenon
