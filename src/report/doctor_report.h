// What `tenon --version` and `tenon doctor` show.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tasks/doctor.h"

namespace tenon {

/// As lines: "tenon 0.1.0", then a line for each fact.
std::string build_facts_text(const BuildFacts& facts);

std::string doctor_text(const DoctorReport& report);
nlohmann::ordered_json doctor_json(const DoctorReport& report);

/// The schema of doctor_json().
nlohmann::ordered_json doctor_schema();

}  // namespace tenon
