// What a finished conversion says of itself.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tasks/convert.h"

namespace tenon {

/// "out: 339 tensors (fused layout) from 18867, 61.06 GB in 13 shards, 14.2 s, 4.30 GB/s, verified"
std::string conversion_text(const ConversionReport& report);
nlohmann::ordered_json conversion_json(const ConversionReport& report);

/// The schema of conversion_json().
nlohmann::ordered_json conversion_schema();

/// A line for each step: "   0.012 s  plan", without an end of line behind the last.
std::string timings_text(const Timings& timings);

}  // namespace tenon
