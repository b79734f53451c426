// Two layouts compared: what a checkpoint becomes by rules, made in memory tensor by tensor, and another one.
#pragma once

#include "base/observer.h"
#include "options/options.h"
#include "tasks/diff_report.h"

namespace tenon {

/// B against what A becomes through `options.through`. Throws as diff() does, and UserError as
/// plan_conversion().
DiffReport diff_through(const Options& options, Observer& observer);

}  // namespace tenon
