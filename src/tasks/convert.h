// The main job: a checkpoint converted into a destination that is complete, or stays as it was. convert.cc is
// the contents page: what is done, in which order, and why.
#pragma once

#include <string>

#include "base/observer.h"
#include "engine/chunk_edit.h"
#include "options/options.h"
#include "rules/library.h"
#include "tasks/conversion.h"

namespace tenon {

/// Opens, chooses the rules, builds the plan and proves it; reads no tensor. The source's warnings go to the
/// observer. `again`: the conversion that this manifest records is planned once more. Throws UserError,
/// SystemError, Interrupted.
PlannedConversion plan_conversion(const std::string& source, const Options& options, const Library& library,
                                  Observer& observer, const Manifest* again = nullptr);

/// Does what was planned: afterwards the destination is complete, or as it was. Notes, what is kept of a run
/// that ends early and progress go to the observer. Throws UserError, SystemError, Interrupted.
/// `edit`: what is computed into outputs on the way.
ConversionReport carry_out(const PlannedConversion& planned, const Options& options, Observer& observer,
                           const ChunkEdit* edit = nullptr);

/// Both.
ConversionReport convert(const Options& options, const Library& library, Observer& observer);

}  // namespace tenon
