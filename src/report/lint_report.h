// What lint found, as JSON and in a sentence.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/diagnostics.h"

namespace tenon {

/// {"files": n, "errors": n, "warnings": n, "notes": n, "findings": [{"id", "level", "file", "line", ...}]}
nlohmann::ordered_json lint_json(const std::vector<Diagnostic>& findings, std::size_t files);

/// The schema of lint_json().
nlohmann::ordered_json lint_schema();

/// The same as SARIF 2.1.0.
nlohmann::ordered_json lint_sarif(const std::vector<Diagnostic>& findings);

/// A test case for each file: failed where it has errors, or warnings that count.
std::string lint_junit(const std::vector<Diagnostic>& findings, const std::vector<std::string>& files,
                       bool strict);

/// "::error file=my.yaml,line=3,col=7,title=unescaped-dot::message": a line for each, which GitHub shows on
/// the line of a pull request.
std::string lint_annotations(const std::vector<Diagnostic>& findings);

/// "275 files: 1 error, 2 warnings, 3 notes"
std::string lint_summary(const std::vector<Diagnostic>& findings, std::size_t files);

}  // namespace tenon
