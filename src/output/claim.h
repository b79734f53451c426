// A destination that one run has to itself while it makes it. Work happens in a hidden sibling on the same
// file system (output/work_folder.h); the destination appears by one rename at the end, complete.
//
// One process claims, keeps the journal and publishes. Shards may be written by others too: an OutputFolder
// is a path, and what they finish reaches the claim as a ShardLog.
//
// A run that fails or is interrupted takes its work away again, unless shards are finished: those stay, for
// --resume. A later run without it says so and stops, since they may be worth hours.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/diagnostics.h"
#include "checkpoint/checkpoint.h"
#include "options/options.h"
#include "output/journal.h"
#include "output/output_folder.h"
#include "output/work_folder.h"

namespace tenon {

/// Members are called by one thread at a time.
class Claim : public ShardLog {
 public:
  /// Claims the destination. Throws UserError where it exists (without `overwrite`), is not a checkpoint's
  /// folder, lies inside the source or holds it, or where another run is writing to it or left finished
  /// shards (without `resume`). Nothing of the source is touched.
  Claim(const std::filesystem::path& destination, const Checkpoint& source, const Options& options);

  /// Removes the work folder, unless finished shards in it are worth resuming.
  ~Claim() override;
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

  /// Where to write.
  std::filesystem::path folder() const { return work_->output(); }
  OutputFolder output() const { return {folder(), options_.sync}; }

  /// Throws SystemError naming what is needed and what is free, where `bytes` more of shards and the side
  /// files do not fit.
  void require_space(std::uint64_t bytes) const;

  /// Throws UserError that names the differences where an earlier run finished shards of something else.
  void require_same(const JournalHead& head) const;

  /// Starts the journal. With `resume`, returns what an earlier run finished, to be verified by its hashes.
  std::vector<FinishedShard> begin(const JournalHead& head);

  /// Records a complete shard in the journal.
  void finished(const FinishedShard& shard) override;

  /// Finished shards are worth nothing any more: the source is another one.
  void discard();

  /// Makes the output the destination: sync, rename or swap, sync. Nothing may follow it. Throws SystemError;
  /// the destination is then as it was, or complete but perhaps not yet safe from a power failure.
  void publish();

  /// What a run that ends here leaves, in words, of so many shards.
  std::string what_stays(std::size_t shards) const;

  /// Fall-backs that were taken and leftovers that were cleaned up since the last call, for the user.
  std::vector<Diagnostic> take_notes();

 private:
  void see_to_extra_files();

  std::filesystem::path destination_;
  Options options_;
  Diagnostics notes_;
  std::optional<WorkFolder> work_;
  /// shards
  std::set<std::string> finished_;
  bool published_ = false;
  std::uint64_t side_file_bytes_ = 0;
};

}  // namespace tenon
