// What a batch says of itself: as text, JSON and JUnit.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "tasks/batch.h"

namespace tenon {

/// "done", "done before", "planned", "failed", "interrupted" or "not run".
std::string_view result_of(const JobReport& job);

/// What a job made or found, in a line; "" where it was not run, or failed before that.
std::string job_summary(const JobReport& job);

std::string batch_text(const BatchReport& report);
nlohmann::ordered_json batch_json(const BatchReport& report);

/// The schema of batch_json().
nlohmann::ordered_json batch_schema();

std::string batch_junit(const BatchReport& report);

}  // namespace tenon
