// The files beside the tensors: config, tokenizer, processor, chat template, code, subfolders.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/diagnostics.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/find_shards.h"

namespace tenon {

/// Every file of the folder that a conversion copies, relative to it, sorted: all but the shards, the index,
/// the manifest, weights in other formats, a trainer's state, and the hidden folders of git and of download
/// caches. What is left out for a reason that the user may not expect is a warning, a trainer's state a note;
/// a link that leaves the folder is an error.
std::vector<std::filesystem::path> list_side_files(const std::filesystem::path& folder,
                                                   const FoundShards& shards, const OpenOptions& how,
                                                   Diagnostics& diagnostics);

/// Bytes of the side files together; those that cannot be examined count nothing.
std::uint64_t size_of_side_files(const Checkpoint& source);

}  // namespace tenon
