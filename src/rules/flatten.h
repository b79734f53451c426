// From rule files that include each other and have sub-models to one flat list of transforms.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/diagnostics.h"
#include "rules/library.h"
#include "rules/rule_set.h"

namespace tenon {

/// Appends the transforms of `file` to `out`: its includes', its own, its sub-models' (scoped, for the model
/// types that `config` names). Their expressions are evaluated, each against the config of the part of the
/// model that its file is about.
void flatten_into(const RuleFile& file, const nlohmann::ordered_json& config, const Library& library,
                  RuleSet& out, Diagnostics& diagnostics);

}  // namespace tenon
