// Is a checkpoint, of which no rule takes a key either way, that of the model which its config.json names?
#pragma once

#include "base/diagnostics.h"
#include "checkpoint/checkpoint.h"
#include "rules/rule_set.h"

namespace tenon {

/// Of a checkpoint that the rules change in neither direction. An error where no key has any of the words
/// that the rules are written in, and one where config.json counts experts and there is none. Asks nothing of
/// rules without converters: names of today have none of an older release's words.
void check_foreign(const Checkpoint& checkpoint, const RuleSet& rules, bool allow_missing_layers,
                   Diagnostics& diagnostics);

}  // namespace tenon
