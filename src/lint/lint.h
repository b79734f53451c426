// Lint: what is wrong, or about to go wrong, in a rule file. Every claim about keys comes with a key on which
// the file's own patterns were seen to do it.
#pragma once

#include "lint/findings.h"
#include "rules/library.h"
#include "rules/rule_set.h"

namespace tenon {

/// Checks a file that parsed without errors.
void lint_file(const RuleFile& file, const Library& library, Findings& findings);

}  // namespace tenon
