// Rules as a manifest keeps them: flat, with every number of config.json filled in, so that a converted
// folder holds its own way back and needs no rule file.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "checkpoint/manifest.h"
#include "rules/rule_set.h"

namespace tenon {

/// Each transform of the list with all that applying it needs; `used` says which of them matched something.
/// An operation stands as in a rule file, and is read by the same code.
std::vector<nlohmann::ordered_json> resolved_transforms(const RuleSet& rules, const std::vector<bool>& used);

/// The drops of the list, as in a rule file.
std::vector<nlohmann::ordered_json> resolved_drops(const RuleSet& rules);

/// The copies of the list, likewise.
std::vector<nlohmann::ordered_json> resolved_copies(const RuleSet& rules);

/// The rule set that a manifest keeps, in the rules' own direction; `RuleSet::used` is set. `file` is the
/// manifest's name for messages. Throws UserError where what it keeps are no rules.
RuleSet resolved_rules(const Manifest& manifest, const std::string& file);

}  // namespace tenon
