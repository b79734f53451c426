// What `tenon parity` shows and keeps: the verdict first, then every module with its five checks.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "parity/result.h"
#include "rules/rule_set.h"

namespace tenon {

/// Between what was compared, and by which rules.
struct ParitySubject {
  /// paths, as the user gave them
  std::string original;
  /// empty: the fused weights are those that the plan makes
  std::string fused;
  std::vector<RuleRecord> rules;
};

ParitySubject parity_subject(const std::string& original, const std::string& fused, const RuleSet& rules);

/// One of the five checks, as a line.
struct ParityCheck {
  std::string name;
  bool holds;
  std::string summary;
};
std::vector<ParityCheck> parity_checks(const ModuleResult& module);

/// HOLDS, HOLDS FOR WHAT WAS COMPARED (elements move that no program reads) or FAILS.
std::string parity_verdict(const ParityResult& result);
/// How much of what the conversion moves was compared, in a line.
std::string parity_coverage(const ParityResult& result);

/// `all`: the checks of every module, else of those that fail where there are many.
std::string parity_text(const ParitySubject& subject, const ParityResult& result, bool all = false);
/// Everything: report.json.
nlohmann::ordered_json parity_json(const ParitySubject& subject, const ParityResult& result);
/// The schema of parity_json().
nlohmann::ordered_json parity_schema();
/// A test case for each check of each module: junit.xml.
std::string parity_junit(const ParityResult& result);

}  // namespace tenon
