// One operation of a WeightConverter, as written in a rule file.
#pragma once

#include <optional>

#include "rules/language/operation.h"
#include "rules/language/yaml_reader.h"
#include "rules/operations/parameter.h"

namespace tenon {

/// `Name: {parameters}` or a bare `Name`. Mistakes go to `diagnostics`; nothing is returned where the
/// operation cannot be known.
std::optional<Operation> parse_operation(const YamlFile& yaml, const YAML::Node& node,
                                         Diagnostics& diagnostics);

/// A list of extents: positive integers, expressions, null for any. Empty where the key is absent.
ShapePattern parse_shape(const YamlFile& yaml, MapReader& map, const std::string& key);

}  // namespace tenon
