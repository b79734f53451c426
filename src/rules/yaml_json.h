// YAML values as JSON: for config edits and module programs, which are data to the rule parser.
#pragma once

#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>

namespace tenon {

/// Plain scalars become null, booleans and numbers as YAML 1.2's core schema has it; quoted ones stay text.
nlohmann::ordered_json json_of(const YAML::Node& node);

}  // namespace tenon
