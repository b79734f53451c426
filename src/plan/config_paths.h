// Values of config.json by dotted path.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace tenon {

std::optional<nlohmann::ordered_json> value_at(const nlohmann::ordered_json& config, const std::string& path);

/// Are all values on the way to the path objects, as far as they are there?
bool fits(const nlohmann::ordered_json& config, const std::string& path);

/// Sets the value, or removes it where there is none to set. Objects on the way are made, and removed again
/// when they become empty.
void put(nlohmann::ordered_json& config, const std::string& path,
         const std::optional<nlohmann::ordered_json>& value);

}  // namespace tenon
