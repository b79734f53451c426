// What went wrong, as a document: the answer to --json where there is no other.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "base/diagnostics.h"

namespace tenon {

/// {"format": 1, "errors": [...]}.
nlohmann::ordered_json errors_json(const std::vector<Diagnostic>& errors);
nlohmann::ordered_json errors_schema();

/// The `warnings` of every other document.
nlohmann::ordered_json warnings_json(const std::vector<Diagnostic>& warnings);

/// Adds `warnings` to a document's schema, which a command adds to the document as it prints it.
nlohmann::ordered_json with_warnings(nlohmann::ordered_json schema);

}  // namespace tenon
