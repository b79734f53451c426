#include "rules/yaml_json.h"

#include <charconv>

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

Json scalar(const YAML::Node& node) {
  const std::string& text = node.Scalar();
  if (node.Tag() == "!") return text;  // quoted
  if (text == "true" || text == "false") return text == "true";
  if (text == "null" || text == "~" || text.empty()) return nullptr;
  const char* const end = text.data() + text.size();
  std::int64_t integer = 0;
  if (const auto [at, e] = std::from_chars(text.data(), end, integer); e == std::errc() && at == end)
    return integer;
  double real = 0;
  if (const auto [at, e] = std::from_chars(text.data(), end, real); e == std::errc() && at == end)
    return real;
  return text;
}

}  // namespace

Json json_of(const YAML::Node& node) {
  if (node.IsScalar()) return scalar(node);
  if (node.IsSequence()) {
    Json out = Json::array();
    for (const auto& item : node) out.push_back(json_of(item));
    return out;
  }
  if (node.IsMap()) {
    Json out = Json::object();
    for (const auto& entry : node) out[entry.first.Scalar()] = json_of(entry.second);
    return out;
  }
  return nullptr;
}

}  // namespace tenon
