// From what the user asked for (--rules, --fuse) and what config.json says to one flat, resolved RuleSet.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "rules/library.h"
#include "rules/rule_set.h"

namespace tenon {

struct RuleRequest {
  std::vector<std::string> rules;     // "auto", a name of the library, or a file; empty: "auto"
  std::vector<std::string> families;  // --fuse, in order
  std::vector<std::string> keys;      // the checkpoint's keys: what a family's globs are matched against
  std::string config_file;            // for messages
};

/// Chooses, flattens (include, transforms, submodels; families before or after, filters applied) and resolves
/// `${config...}`. Throws UserError: unknown names, conflicts, absent config values, all at once.
RuleSet choose_rules(const RuleRequest& request, const nlohmann::ordered_json& config,
                     const Library& library);

/// The flat list of one rule file for a config, families left out. For `rules show` and lint.
RuleSet flatten(const RuleFile& file, const nlohmann::ordered_json& config, const Library& library,
                Diagnostics& diagnostics);

}  // namespace tenon
