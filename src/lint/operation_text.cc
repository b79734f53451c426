#include "lint/operation_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <vector>

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

// As YAML in one line, without quotes where none are needed.
std::string flow(const Json& json) {
  if (json.is_array()) {
    std::vector<std::string> items;
    for (const auto& item : json) items.push_back(flow(item));
    return fmt::format("[{}]", fmt::join(items, ", "));
  }
  if (json.is_object()) {
    std::vector<std::string> items;
    for (const auto& [name, value] : json.items()) items.push_back(name + ": " + flow(value));
    return fmt::format("{{{}}}", fmt::join(items, ", "));
  }
  if (!json.is_string()) return json.dump();
  const auto text = json.get<std::string>();
  const bool plain =
      std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
  return plain ? text : "'" + text + "'";
}

}  // namespace

std::string operation_text(const nlohmann::ordered_json& json) {
  if (!json.is_object()) return flow(json);
  const auto first = json.begin();
  return first.value().empty() ? first.key() : first.key() + ": " + flow(first.value());
}

}  // namespace tenon
