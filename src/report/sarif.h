// SARIF 2.1.0 (OASIS), the form in which CI systems take findings and show them on the line.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/diagnostics.h"

namespace tenon {

/// What a rule id means, for the viewer's explanations.
struct SarifRule {
  std::string id;
  std::string about;
  Severity severity = Severity::kError;
  /// what to do
  std::string advice = {};
};

/// One run of `tool` with its findings as results. Every id among `findings` has its rule in `rules`. Paths
/// become relative URIs where they are relative, `file:` URIs where they are absolute.
nlohmann::ordered_json sarif_of(const std::string& tool, const std::string& version,
                                const std::vector<SarifRule>& rules, const std::vector<Diagnostic>& findings);

}  // namespace tenon
