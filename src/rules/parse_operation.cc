#include "rules/parse_operation.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "rules/operations/registry.h"

namespace tenon {
namespace {

const std::vector<std::string>& operation_names() {
  static const std::vector<std::string> kNames = [] {
    std::vector<std::string> names;
    for (const OperationRow* row : operation_rows()) names.push_back(row->name);
    std::sort(names.begin(), names.end());
    return names;
  }();
  return kNames;
}

}  // namespace

ShapePattern parse_shape(const YamlFile& yaml, MapReader& map, const std::string& key) {
  ShapePattern out;
  ParameterReader(yaml, map, {}).read(key, out);
  return out;
}

std::optional<Operation> parse_operation(const YamlFile& yaml, const YAML::Node& node,
                                         Diagnostics& diagnostics) {
  const bool bare = node.IsScalar();
  if (!bare && (!node.IsMap() || node.size() != 1)) {
    diagnostics.error("rules-malformed"_id, yaml.place(node), "an operation is written Name: {parameters}");
    return std::nullopt;
  }
  const YAML::Node key = bare ? node : node.begin()->first;
  const std::string name = key.IsScalar() ? key.Scalar() : "";
  const OperationRow* const row = find_layout_operation(name);
  if (row == nullptr) {
    std::string hint = did_you_mean(name, operation_names());
    if (hint.empty()) hint = fmt::format("Known: {}.", fmt::join(operation_names(), ", "));
    diagnostics.error("rules-unknown-operation"_id, yaml.place(key),
                      fmt::format("unknown operation '{}'", name), hint);
    return std::nullopt;
  }
  const YAML::Node parameters = bare ? YAML::Node(YAML::NodeType::Map) : node.begin()->second;
  MapReader map(yaml, parameters, name, diagnostics);
  const ParameterReader reader(yaml, map, yaml.place(key));
  const std::shared_ptr<LayoutOperation> made = row->make();
  for (const OperationParameter& parameter : row->parameters) {
    if (parameter.required) map.require(parameter.name);
    parameter.read(*made, reader);
  }
  made->complete(reader);
  map.finish();
  return Operation{made, yaml.place(key)};
}

}  // namespace tenon
