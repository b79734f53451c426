// From what the user asked for (--rules, --fuse) and what config.json says to one flat, resolved RuleSet.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "options/options.h"
#include "rules/library.h"
#include "rules/rule_set.h"

namespace tenon {

/// What is known of the rules beside the options.
struct RuleSource {
  // Plan the conversion that this manifest records once more.
  const Manifest* again = nullptr;
  // The model's own rules have been applied by an earlier conversion: the families that are asked for alone.
  bool families_alone = false;
};

/// By the options `to`, `rules` ("auto", a name of the library, or a file; none: "auto") and `fuse`, in
/// order: chooses, flattens (include, transforms, sub-models; families before or after, filters applied) and
/// resolves `${config...}`. A checkpoint with a manifest of the other layout is converted by the rules and
/// families that the manifest names, unless the options name some. Throws UserError: unknown names,
/// conflicts, absent config values, families that fit no module, all at once.
RuleSet choose_rules(const Options& options, const Checkpoint& checkpoint, const Library& library,
                     const RuleSource& source = {});

/// The flat list of one rule file for a config, without families: for `rules show` and lint.
RuleSet flatten(const RuleFile& file, const nlohmann::ordered_json& config, const Library& library,
                Diagnostics& diagnostics);

}  // namespace tenon
