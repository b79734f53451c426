// The plan of an adapter's conversion: by its base's rules.
#pragma once

#include "base/observer.h"
#include "options/options.h"
#include "rules/library.h"
#include "tasks/conversion.h"

namespace tenon {

/// Chooses the rules and builds the plan of `planned.source`, an adapter. Throws UserError where nobody says
/// what its base is, and as plan_conversion does.
void plan_adapter(PlannedConversion& planned, const Options& options, const Library& library,
                  Observer& observer, const Manifest* again);

/// Is the source an adapter that is converted by the rules of its base? One without a rank, with rules named
/// and no base, is a checkpoint as any other: the rules are about its own keys. `again`: the manifest of the
/// conversion that is planned once more. Throws UserError where adapter_config.json is no JSON.
bool goes_by_its_base(const Checkpoint& source, const Options& options, const Manifest* again);

}  // namespace tenon
