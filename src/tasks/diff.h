// Two checkpoints compared: names, dtypes, shapes, bytes.
#pragma once

#include "base/observer.h"
#include "checkpoint/checkpoint.h"
#include "options/options.h"
#include "tasks/diff_report.h"

namespace tenon {

/// Opens both and compares; with `through`, B with what A becomes. Warnings and progress go to the observer.
/// Throws UserError, SystemError, Interrupted.
DiffReport diff(const Options& options, Observer& observer);

}  // namespace tenon
