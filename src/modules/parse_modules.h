// The `modules:` section of a rule file.
#pragma once

#include <vector>

#include "base/diagnostics.h"
#include "modules/program.h"
#include "rules/rule_set.h"

namespace tenon {

/// The module programs of a rule file. Every mistake goes to `diagnostics`, at its place in the YAML: unknown
/// operations and arguments, values that no step has made, outputs made twice, nothing to compare.
std::vector<ModuleProgram> parse_modules(const RuleFile& file, Diagnostics& diagnostics);

}  // namespace tenon
