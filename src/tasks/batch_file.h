// A batch file: many conversions, and comparisons of what they make, written as
//
//   defaults: {to: fused, verify: true, max_shard_size: 10GB}
//   jobs:
//     - source: models/Qwen*                 # a glob: one job for each match
//       destination: fused/{name}            # {name}: the source folder's name
//     - name: mixtral back
//       source: fused/Mixtral-8x7B
//       destination: back/mixtral
//       to: original
//     - task: parity                         # or diff: between source and other
//       source: models/Mixtral-8x7B
//       fused: fused/Mixtral-8x7B            # which another job makes: this one waits for it
//     - task: diff
//       source: models/Mixtral-8x7B
//       other: back/mixtral
//       needs: [mixtral back]                # waits for these as well
//
// The other keys of a job, and all those of `defaults`, are the options of `tenon convert` with underscores
// (those that option_table.inc gives to "job"); of a comparison those of its command that say what is
// compared. Paths are relative to the batch file; "~/" and "${NAME}" in them are what a shell makes of them.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostics.h"
#include "tasks/batch_job.h"

namespace tenon {

/// What a glob stands for, sorted.
using FindSources = std::function<std::vector<std::string>(const std::string& glob)>;

/// The folders and .safetensors files that a glob matches, by name.
std::vector<std::string> find_sources(const std::string& glob);

/// The jobs in the file's order; paths are relative to `folder`, globs are expanded by `find`. Every mistake
/// goes to `diagnostics`: unknown keys, values that make no sense, globs without a match, two jobs with one
/// destination.
std::vector<BatchJob> parse_batch(std::string_view text, const std::string& file,
                                  const std::filesystem::path& folder, Diagnostics& diagnostics,
                                  const FindSources& find = find_sources);

/// Throws UserError with every mistake; that the file cannot be read is one.
std::vector<BatchJob> read_batch_file(const std::filesystem::path& path);

}  // namespace tenon
