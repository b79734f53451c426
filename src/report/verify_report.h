// What `tenon verify` shows: a converted folder against its manifest and, where asked for, against its
// source.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tasks/verify.h"

namespace tenon {

std::string verify_text(const VerifyReport& report);
nlohmann::ordered_json verify_json(const VerifyReport& report);

/// The schema of verify_json().
nlohmann::ordered_json verify_schema();

}  // namespace tenon
