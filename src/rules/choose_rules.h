// From what the user asked for (--rules, --fuse) and what config.json says to one flat, resolved RuleSet.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "rules/library.h"
#include "rules/rule_set.h"

namespace tenon {

struct RuleRequest {
  Layout to = Layout::kFused;
  std::vector<std::string> rules;     // "auto", a name of the library, or a file; empty: "auto"
  std::vector<std::string> families;  // --fuse, in order
};

/// Chooses, flattens (include, transforms, sub-models; families before or after, filters applied) and
/// resolves `${config...}`. A checkpoint with a manifest of the other layout is converted by the rules and
/// families that the manifest names, unless the request names some. Throws UserError: unknown names,
/// conflicts, absent config values, families that fit no module, all at once.
RuleSet choose_rules(const RuleRequest& request, const Checkpoint& checkpoint, const Library& library);

/// The flat list of one rule file for a config, without families: for `rules show` and lint.
RuleSet flatten(const RuleFile& file, const nlohmann::ordered_json& config, const Library& library,
                Diagnostics& diagnostics);

}  // namespace tenon
