// A batch file: many conversions, written as
//
//   defaults: {to: fused, verify: true, max_shard_size: 10GB}
//   jobs:
//     - source: models/Qwen*                 # a glob: one job for each match
//       destination: fused/{name}            # {name}: the source folder's name
//     - name: mixtral back
//       source: fused/Mixtral-8x7B
//       destination: back/mixtral
//       to: original
//
// The other keys of a job, and all those of `defaults`, are the flags of `tenon convert` with underscores:
// to, rules, fuse, max_shard_size, assume_used, assume_layout, one_way, threads, hash, sync, verify, resume,
// overwrite. Paths are relative to the batch file.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostics.h"
#include "cli/request.h"

namespace tenon {

struct BatchJob {
  std::string name;
  ConvertRequest request;
};

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
