// An adapter merged into its base: W + scale * B A for every tensor that a pair changes, all else as it is.
#pragma once

#include "tasks/convert.h"

namespace tenon {

/// Writes options.destination out of options.source (the base) and options.other (the adapter). The result
/// has the base's layout, names and files; what it was made of cannot be had back out of it, which its
/// manifest says, with the hashes of the adapter. Throws UserError, SystemError, Interrupted.
ConversionReport merge(const Options& options, Observer& observer);

}  // namespace tenon
