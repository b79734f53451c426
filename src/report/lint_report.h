// What lint found, as JSON and in a sentence.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/diagnostics.h"

namespace tenon {

/// {"files": n, "errors": n, "warnings": n, "notes": n, "findings": [{"id", "level", "file", "line", ...}]}
nlohmann::ordered_json lint_json(const std::vector<Diagnostic>& findings, std::size_t files);

/// "275 files: 1 error, 2 warnings, 3 notes"
std::string lint_summary(const std::vector<Diagnostic>& findings, std::size_t files);

}  // namespace tenon
