// A checkpoint as tenon sees it before it reads a single tensor byte: which tensors, of what type and shape,
// in which shard and where, and the files beside them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/diagnostics.h"
#include "checkpoint/manifest.h"
#include "checkpoint/tensor.h"

namespace tenon {

struct ShardFile {
  std::filesystem::path path;
  std::uint64_t size = 0;        // bytes, when its header was read
  std::int64_t modified_ns = 0;  // modification time then: a source that changes under way is refused
  std::map<std::string, std::string> metadata;  // `__metadata__`
};

/// Headers, config and the names of the files beside them. Holds no open file.
struct Checkpoint {
  std::filesystem::path path;       // as given: the folder, or the one file
  std::filesystem::path directory;  // that holds the shards
  bool single_file = false;         // model.safetensors without an index
  std::vector<ShardFile> shards;
  std::vector<Tensor> tensors;  // in natural order of their keys (checkpoint/natural_order.h)
  nlohmann::ordered_json config = nlohmann::ordered_json::object();  // config.json, {} where there is none
  bool has_config = false;
  std::string config_text;                        // config.json verbatim
  std::vector<std::filesystem::path> side_files;  // relative to `directory`, sorted: what a conversion copies
  std::optional<Manifest> manifest;               // of an earlier conversion by tenon
  std::vector<Diagnostic> warnings;               // oddities that do not stop a conversion

  std::uint64_t total_bytes() const;
  const Tensor* find(std::string_view key) const;
};

/// Opens a folder (one model.safetensors, or shards with model.safetensors.index.json) or a single
/// .safetensors file. Reads headers and side files' names only. Throws UserError with every mistake found,
/// SystemError where a file cannot be read.
Checkpoint open_checkpoint(const std::filesystem::path& path);

}  // namespace tenon
