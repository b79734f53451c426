// Names of modules inside config.json: the lists of quantization_config say which modules stay unquantised,
// by names that a conversion changes.
#pragma once

#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "plan/plan.h"

namespace tenon {

/// "model.norm" of "model.norm.weight": the path of the module that a tensor is of.
std::string module_of(const std::string& key);

/// Edits that rename the entries of quantization_config's lists with the modules that they name. What cannot
/// be renamed (a pattern, a module that is joined with one that is not listed) goes to `untold`, one line
/// for each entry. Wants the plan's outputs.
std::vector<ConfigEdit> rename_listed_modules(const Checkpoint& checkpoint, const Plan& plan,
                                              std::vector<std::string>& untold);

}  // namespace tenon
