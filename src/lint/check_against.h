// Lint with a checkpoint at hand: what its keys and shapes say about a rule file.
#pragma once

#include "checkpoint/checkpoint.h"
#include "lint/lint.h"

namespace tenon {

/// Flattens the file with the checkpoint's config and converts the checkpoint's headers by it, as a plan
/// does. A family's transforms are tried on their own. Reads no tensor.
void lint_against(const RuleFile& file, const Library& library, const Checkpoint& checkpoint,
                  Findings& findings);

}  // namespace tenon
