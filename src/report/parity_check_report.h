// What `tenon parity --check` shows: does a parity report still speak of the checkpoints at hand?
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tasks/parity_check.h"

namespace tenon {

/// `report`: the path that its user gave.
std::string parity_check_text(const std::string& report, const ParityCheckResult& result);
nlohmann::ordered_json parity_check_json(const ParityCheckResult& result);

/// The schema of parity_check_json().
nlohmann::ordered_json parity_check_schema();

}  // namespace tenon
