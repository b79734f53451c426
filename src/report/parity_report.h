// What `tenon parity` shows and keeps: the verdict first, then every module with its five checks.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "parity/parity.h"
#include "rules/rule_set.h"

namespace tenon {

/// Between what was compared, and by which rules.
struct ParitySubject {
  std::string original;  // paths, as the user gave them
  std::string fused;     // empty: the fused weights are those that the plan makes
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

std::string parity_text(const ParitySubject& subject, const ParityResult& result);
/// Everything: report.json.
nlohmann::ordered_json parity_json(const ParitySubject& subject, const ParityResult& result);
/// A test case for each check of each module: junit.xml.
std::string parity_junit(const ParityResult& result);

}  // namespace tenon
