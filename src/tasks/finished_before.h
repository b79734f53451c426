// Has an earlier run done this conversion already?
#pragma once

#include <optional>
#include <string>

#include "base/observer.h"
#include "tasks/convert.h"

namespace tenon {

/// What an earlier run has left of a destination.
struct EarlierRun {
  // The destination is that of this very conversion: layout, plan, hashes, the source's tensors, and the
  // files that its manifest lists are there with their sizes.
  bool finished = false;
  // Shards are complete that --resume would go on from.
  bool begun = false;
  // The destination is of this conversion, but a file of the source is newer than it.
  std::optional<std::string> newer_source_file;
};

/// Looks at headers, sizes and times, not at tensors: `tenon verify` does that. Throws SystemError.
EarlierRun look_for_earlier_run(const PlannedConversion& planned, const Options& options);

/// Of a finished conversion: removes what a run that was killed at its very end left beside the destination.
/// Throws as WorkFolder does.
void tidy_up_finished(const Options& options, Observer& observer);

}  // namespace tenon
