// A checkpoint without its tensors: names, dtypes, shapes, shards and config.json in one JSON file, small
// enough to keep in a repository. Whatever reads no tensor takes it for the checkpoint.
//
//   {"tenon_headers": 1,
//    "config": {"model_type": "mixtral", ...},
//    "index": "model.safetensors.index.json",
//    "shards": [{"file": "model-00001-of-00002.safetensors", "metadata": {"format": "pt"},
//                "tensors": {"model.layers.{0..15}.mlp.experts.{0..127}.up_proj.weight": "BF16 [768, 2048]",
//                ...}}]}
#pragma once

#include <filesystem>
#include <string>

#include "checkpoint/checkpoint.h"

namespace tenon {

/// The file's text.
std::string headers_of(const Checkpoint& checkpoint);

/// Does the path look like such a file: a file that ends in .json?
bool may_be_headers(const std::filesystem::path& path);

/// What headers_of() wrote, as a checkpoint with `headers_only` set. Throws UserError where it is no such
/// file, SystemError.
Checkpoint read_headers(const std::filesystem::path& path);

/// Throws UserError where the checkpoint holds no tensors, but is to be read.
void require_tensors(const Checkpoint& checkpoint);

}  // namespace tenon
