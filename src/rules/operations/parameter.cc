#include "rules/operations/parameter.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>

#include "rules/language/expression.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

Json number_schema() {
  return {{"$ref", "#/$defs/number"}};
}

Json or_null(Json schema) {
  return {{"oneOf", Json::array({std::move(schema), {{"type", "null"}}})}};
}

Json list_of(Json items) {
  return {{"type", "array"}, {"items", std::move(items)}};
}

Json written(const Number& number) {
  return number.value ? Json(*number.value) : Json(number.text);
}

Json all_written(const std::vector<Number>& numbers) {
  Json out = Json::array();
  for (const auto& n : numbers) out.push_back(written(n));
  return numbers.empty() ? Json() : out;
}

}  // namespace

void ParameterReader::error(const std::string& key, std::string message, std::string hint) const {
  const YAML::Node node = map_.take(key);
  map_.error("rules-malformed"_id, node.IsDefined() ? node : map_.node(), std::move(message),
             std::move(hint));
}

void ParameterReader::read(const std::string& key, int& dim) const {
  const std::int64_t value = map_.integer(key, dim);
  if (value >= -8 && value < 8) {
    dim = static_cast<int>(value);
  } else {
    map_.error("rules-malformed"_id, map_.take(key),
               fmt::format("'{}' is a dimension between -8 and 7", key));
  }
}

void ParameterReader::read(const std::string& key, bool& flag) const {
  flag = map_.boolean(key, flag);
}

void ParameterReader::read(const std::string& key, std::string& text) const {
  text = map_.text(key, text);
}

void ParameterReader::read(const std::string& key, std::vector<std::string>& texts) const {
  texts = map_.texts(key);
}

std::optional<Number> ParameterReader::number(const YAML::Node& node, const std::string& key,
                                              std::int64_t least, const char* kind) const {
  const std::string text = node.IsScalar() ? node.Scalar() : "";
  Number out{text, yaml_.place(node), std::nullopt};
  if (is_expression(text)) {
    if (const auto error = expression_error(text)) {
      map_.error("expression-malformed"_id, node, fmt::format("'{}': {}", text, *error));
      return std::nullopt;
    }
    return out;
  }
  std::int64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size() || text.empty() || value < least) {
    map_.error("rules-malformed"_id, node,
               fmt::format("'{}' takes {} or expressions like ${{config.hidden_size}}", key, kind));
    return std::nullopt;
  }
  out.value = value;
  return out;
}

std::vector<Number> ParameterReader::whole_numbers(const std::string& key, std::size_t count) const {
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  const YAML::Node node = map_.take(key);
  std::vector<Number> out;
  if (!node.IsDefined()) return out;
  if (count == 1) {
    if (auto value = number(node, key, kLeast, "whole numbers")) out.push_back(*value);
    return out;
  }
  if (!node.IsSequence() || node.size() != count) {
    map_.error("rules-malformed"_id, node, fmt::format("'{}' is a list of {} extents", key, count));
    return out;
  }
  for (const auto& item : node) {
    if (auto value = number(item, key)) out.push_back(*value);
  }
  return out.size() == count ? out : std::vector<Number>{};
}

std::optional<double> ParameterReader::real_number(const std::string& key) const {
  const YAML::Node node = map_.take(key);
  if (!node.IsDefined()) return std::nullopt;
  const std::string text = node.IsScalar() ? node.Scalar() : "";
  double value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed == std::errc() && end == text.data() + text.size() && !text.empty()) return value;
  map_.error("rules-malformed"_id, node, fmt::format("'{}' is a number", key));
  return std::nullopt;
}

void ParameterReader::read(const std::string& key, OptionalNumber& number) const {
  const YAML::Node node = map_.take(key);
  if (node.IsDefined()) number = this->number(node, key);
}

std::vector<Number> ParameterReader::numbers(const std::string& key) const {
  const YAML::Node node = map_.take(key);
  std::vector<Number> out;
  if (!node.IsDefined()) return out;
  if (!node.IsSequence()) {
    map_.error("rules-malformed"_id, node, fmt::format("'{}' is a list", key));
    return out;
  }
  for (const auto& item : node) {
    if (auto value = number(item, key)) out.push_back(*value);
  }
  return out;
}

void ParameterReader::read(const std::string& key, PartSizes& sizes) const {
  const YAML::Node node = map_.take(key);
  if (!node.IsDefined()) return;
  if (node.IsScalar() && node.Scalar() == "equal") {
    sizes = {PartSizes::Kind::kEqual, {}};
  } else if (node.IsScalar()) {
    map_.error("rules-malformed"_id, node,
               fmt::format("'{}' is `equal`, or a list with the extent of each part", key));
  } else {
    sizes = {PartSizes::Kind::kListed, numbers(key)};
  }
}

void ParameterReader::read(const std::string& key, ShapePattern& shape) const {
  const YAML::Node node = map_.take(key);
  if (!node.IsDefined()) return;
  if (!node.IsSequence()) {
    map_.error("rules-malformed"_id, node, fmt::format("'{}' is a list of extents, null for any", key));
    return;
  }
  for (const auto& item : node) shape.push_back(item.IsNull() ? std::nullopt : number(item, key));
}

void ParameterReader::read(const std::string& key, Extents& extents) const {
  const YAML::Node node = map_.take(key);
  if (!node.IsDefined()) return;
  if (!node.IsSequence() || node.size() == 0) {
    map_.error("rules-malformed"_id, node,
               fmt::format("'{}' is a list of extents, one of which may be -1", key));
    return;
  }
  int open = 0;
  for (const auto& item : node) {
    if (item.IsScalar() && item.Scalar() == "-1") {
      extents.listed.push_back({"-1", yaml_.place(item), -1});
      if (++open == 2)
        map_.error("rules-malformed"_id, item, fmt::format("one extent of '{}' may be -1, not two", key));
    } else if (auto value = number(item, key, 1, "positive integers, one -1,")) {
      extents.listed.push_back(*value);
    }
  }
}

void ParameterReader::read(const std::string& key, KernelSize& extents) const {
  extents.listed = numbers(key);
  if (!extents.listed.empty() && extents.listed.size() != 3)
    map_.error("rules-malformed"_id, map_.take(key),
               fmt::format("'{}' has three extents: time, height, width", key));
}

void ParameterReader::read(const std::string& key, Index& index) const {
  const YAML::Node node = map_.take(key);
  if (!node.IsDefined()) return;
  if (auto value = number(node, key, 0, "integers from 0 on")) index.number = *value;
}

void ParameterReader::read(const std::string& key, Axes& axes) const {
  const YAML::Node node = map_.take(key);
  if (!node.IsDefined()) return;
  const auto wrong = [&] {
    map_.error("rules-malformed"_id, node,
               fmt::format("'{}' is a list with each dimension once, from 0 on: [1, 0, 2]", key));
  };
  if (!node.IsSequence() || node.size() == 0 || node.size() > 8) return wrong();
  const auto rank = static_cast<int>(node.size());
  std::vector<bool> seen(node.size(), false);
  std::vector<int> listed;
  for (const auto& item : node) {
    const std::string text = item.IsScalar() ? item.Scalar() : "";
    int value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc() || end != text.data() + text.size() || text.empty()) return wrong();
    if (value < 0) value += rank;
    if (value < 0 || value >= rank || seen[static_cast<std::size_t>(value)]) return wrong();
    seen[static_cast<std::size_t>(value)] = true;
    listed.push_back(value);
  }
  axes.listed = std::move(listed);
}

void NumberResolver::evaluate(Number& n, std::int64_t least) const {
  if (n.value) return;
  try {
    const std::int64_t value = evaluate_integer(n.text, config, n.place);
    n.value = value;
    if (value >= least) return;
    diagnostics.error("config-value-type"_id, n.place,
                      least == 1 ? fmt::format("{} is {}: an extent is at least 1", n.text, value)
                                 : fmt::format("{} is {}: it is at least {}", n.text, value, least));
  } catch (const UserError& e) {
    for (const auto& d : e.diagnostics()) diagnostics.add(d);
  }
}

void NumberResolver::resolve(OptionalNumber& number) const {
  if (number) evaluate(*number);
}
void NumberResolver::resolve(PartSizes& sizes) const {
  for (auto& n : sizes.listed) evaluate(n);
}
void NumberResolver::resolve(ShapePattern& shape) const {
  for (auto& n : shape) resolve(n);
}
void NumberResolver::resolve(Extents& extents) const {
  for (auto& n : extents.listed) evaluate(n);
}
void NumberResolver::resolve(KernelSize& extents) const {
  for (auto& n : extents.listed) evaluate(n);
}
void NumberResolver::resolve(Index& index) const {
  evaluate(index.number, 0);
}

Json schema_of(const int*) {
  return {{"type", "integer"}, {"minimum", -8}, {"maximum", 7}};
}
Json schema_of(const bool*) {
  return {{"type", "boolean"}};
}
Json schema_of(const std::string*) {
  return or_null({{"type", "string"}});
}
Json schema_of(const std::vector<std::string>*) {
  Json list = list_of({{"type", "string"}});
  list["minItems"] = 1;
  return {{"oneOf", Json::array({{{"type", "string"}}, std::move(list)})}};
}
Json schema_of(const OptionalNumber*) {
  return or_null(number_schema());
}
Json schema_of(const PartSizes*) {
  Json list = list_of(number_schema());
  list["minItems"] = 1;
  return {{"oneOf", Json::array({{{"const", "equal"}}, std::move(list)})}};
}
Json schema_of(const ShapePattern*) {
  return list_of(or_null(number_schema()));
}
Json schema_of(const Extents*) {
  Json list = list_of({{"oneOf", Json::array({number_schema(), {{"const", -1}}})}});
  list["minItems"] = 1;
  return list;
}
Json schema_of(const KernelSize*) {
  Json list = list_of(number_schema());
  list["minItems"] = 3;
  list["maxItems"] = 3;
  return list;
}
Json schema_of(const Index*) {
  return {{"oneOf", Json::array({number_schema(), {{"const", 0}}})}};
}
Json schema_of(const Axes*) {
  Json list = list_of({{"type", "integer"}, {"minimum", -8}, {"maximum", 7}});
  list["minItems"] = 1;
  list["uniqueItems"] = true;
  return list;
}

Json written(int dim) {
  return dim;
}
Json written(bool flag) {
  return flag ? Json(true) : Json();
}
Json written(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}
Json written(const std::vector<std::string>& texts) {
  return texts.empty() ? Json() : Json(texts);
}
Json written(const OptionalNumber& number) {
  return number ? written(*number) : Json();
}
Json written(const PartSizes& sizes) {
  return sizes.kind == PartSizes::Kind::kEqual ? Json("equal") : all_written(sizes.listed);
}
Json written(const ShapePattern& shape) {
  Json out = Json::array();
  for (const auto& n : shape) out.push_back(written(n));
  return shape.empty() ? Json() : out;
}
Json written(const Extents& extents) {
  return all_written(extents.listed);
}
Json written(const KernelSize& extents) {
  return all_written(extents.listed);
}
Json written(const Index& index) {
  return index.number.value == 0 ? Json() : written(index.number);
}
Json written(const Axes& axes) {
  return axes.listed.empty() ? Json() : Json(axes.listed);
}

}  // namespace tenon
