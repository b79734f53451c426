// An operation of a draft as a rule file has it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace tenon {

/// {"Concatenate": {"dim": 0}} as "Concatenate: {dim: 0}", a bare name as it is.
std::string operation_text(const nlohmann::ordered_json& json);

}  // namespace tenon
