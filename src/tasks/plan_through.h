// The plan of a conversion between two layouts, through the original one that both know.
#pragma once

#include "base/observer.h"
#include "options/options.h"
#include "rules/library.h"
#include "tasks/conversion.h"

namespace tenon {

/// Does the conversion go through another layout: because --from-rules says so, or a manifest? `again`: that
/// of the conversion that is planned once more.
bool goes_through_another(const Checkpoint& source, const Options& options, const Manifest* again);

/// Plans both halves, each proven by itself, and makes one plan of them: from the bytes of the source to
/// those of the output. Throws UserError as plan_conversion does.
void plan_through(PlannedConversion& planned, const Options& options, const Library& library,
                  Observer& observer, const Manifest* again);

}  // namespace tenon
