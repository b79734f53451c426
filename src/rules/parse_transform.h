// One entry of a rule file's `transforms`.
#pragma once

#include <optional>

#include "rules/language/transform.h"
#include "rules/language/yaml_reader.h"

namespace tenon {

/// `Kind: {...}`. Checks what one entry alone can be wrong about: kinds, parameters, how many patterns go
/// with which, patterns that do not compile. Mistakes go to `diagnostics`.
std::optional<Transform> parse_transform(const YamlFile& yaml, const YAML::Node& node,
                                         Diagnostics& diagnostics);

}  // namespace tenon
