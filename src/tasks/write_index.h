// An index for shards that have none, or a wrong one.
#pragma once

#include <cstdint>
#include <string>

#include "base/observer.h"
#include "options/options.h"

namespace tenon {

struct IndexReport {
  std::string path;
  std::uint64_t shards = 0;
  std::uint64_t tensors = 0;
  std::uint64_t bytes = 0;
};

/// Writes STEM.safetensors.index.json for the shards STEM-00001-of-0000N.safetensors of options.folder, by
/// their headers, in one step. Throws UserError where they are not whole, hold a tensor twice, are one file,
/// which needs none, or have an index (without `overwrite`); SystemError.
IndexReport write_index(const Options& options, Observer& observer);

}  // namespace tenon
