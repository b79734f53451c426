// The destination of a conversion while it is being written. Work happens in a hidden sibling on the same
// file system (checkpoint/work_folder.h); the destination appears by one rename at the end, complete.
//
// A run that fails or is interrupted takes its work away again, unless shards are finished: those stay, for
// --resume. A later run without it says so and stops, since they may be worth hours.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostics.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/journal.h"
#include "checkpoint/work_folder.h"

namespace tenon {

struct StageOptions {
  bool overwrite = false;  // replace an existing checkpoint, by an atomic swap
  bool resume = false;     // go on with what an interrupted run left
  bool sync = true;        // wait for the disk before the rename
};

/// Is shown the bytes of a side file in order, at least once for each file: the name first, below the folder.
using PassedBytes = std::function<void(const std::string& name, std::span<const std::byte> bytes)>;

class StagedOutput {
 public:
  /// Claims the destination. Throws UserError where it exists (without `overwrite`), is not a checkpoint's
  /// folder, lies inside the source or holds it, or where another run is writing to it or left finished
  /// shards (without `resume`). Nothing of the source is touched.
  StagedOutput(const std::filesystem::path& destination, const Checkpoint& source,
               const StageOptions& options);

  /// Removes the work folder, unless finished shards in it are worth resuming.
  ~StagedOutput();
  StagedOutput(const StagedOutput&) = delete;
  StagedOutput& operator=(const StagedOutput&) = delete;

  /// Where to write.
  std::filesystem::path folder() const { return work_->output(); }

  /// Throws SystemError naming what is needed and what is free, where `bytes` more of shards and the side
  /// files do not fit.
  void require_space(std::uint64_t bytes) const;

  /// Throws UserError that names the differences where an earlier run finished shards of something else.
  void require_same(const JournalHead& head) const;

  /// Starts the journal. With `resume`, returns what an earlier run finished, to be verified by its hashes.
  std::vector<FinishedShard> begin(const JournalHead& head);

  /// Records a complete shard. From any thread, one at a time.
  void finished(const FinishedShard& shard);

  /// Finished shards are worth nothing any more: the source is another one.
  void discard();

  /// Copies the source's side files, links as the files that they point to. `config_text` replaces
  /// config.json; `between` is called now and then and may throw; `passed` is shown what is written, as
  /// write_text() shows it.
  void copy_side_files(const Checkpoint& source, const std::optional<std::string>& config_text,
                       const std::function<void()>& between = {}, const PassedBytes& passed = {});

  /// Writes a small text file, such as the index or (last) the manifest. `passed` is shown its text.
  void write_text(const std::string& name, std::string_view text, const PassedBytes& passed = {});

  /// Makes the output the destination: sync, rename or swap, sync. Nothing may follow it. Throws SystemError;
  /// the destination is then as it was, or complete but perhaps not yet safe from a power failure.
  void commit();

  /// What a run that ends here leaves, in words, of so many shards.
  std::string what_stays(std::size_t shards) const;

  /// Fall-backs that were taken and leftovers that were cleaned up since the last call, for the user.
  std::vector<Diagnostic> take_notes();

 private:
  std::filesystem::path destination_;
  StageOptions options_;
  Diagnostics notes_;
  std::optional<WorkFolder> work_;
  std::set<std::string> finished_;  // shards
  bool published_ = false;
  std::uint64_t side_file_bytes_ = 0;
};

}  // namespace tenon
