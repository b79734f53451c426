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
  /// bytes, when its header was read
  std::uint64_t size = 0;
  /// modification time then: a source that changes under way is refused
  std::int64_t modified_ns = 0;
  /// `__metadata__`
  std::map<std::string, std::string> metadata;
};

/// The model that a checkpoint is put into as a part of it (checkpoint/put_into.h).
struct WholeModel {
  /// as the user names it
  std::string name;
  /// from this one on the shards are the whole's
  std::uint32_t first_shard = 0;
  /// the tensors whose places the part takes, as the whole has them
  std::vector<Tensor> replaced;
  nlohmann::ordered_json config = nlohmann::ordered_json::object();
  std::string config_text;
};

/// Headers, config and the names of the files beside them. Holds no open file.
struct Checkpoint {
  /// as given: the folder, or the one file
  std::filesystem::path path;
  /// that holds the shards
  std::filesystem::path directory;
  /// model.safetensors without an index
  bool single_file = false;
  /// there are no tensors to read (checkpoint/headers_file.h)
  bool headers_only = false;
  /// "model.safetensors.index.json"; "" where there is none
  std::string index_name;
  std::vector<ShardFile> shards;
  /// in natural order of their keys (checkpoint/natural_order.h)
  std::vector<Tensor> tensors;
  /// config.json, {} where there is none
  nlohmann::ordered_json config = nlohmann::ordered_json::object();
  bool has_config = false;
  /// config.json verbatim
  std::string config_text;
  /// relative to `directory`, sorted: what a conversion copies
  std::vector<std::filesystem::path> side_files;
  /// of an earlier conversion by tenon
  std::optional<Manifest> manifest;
  /// oddities that do not stop a conversion
  std::vector<Diagnostic> warnings;
  // from this one on the shards are another checkpoint's, that what was lost is filled in from
  std::optional<std::uint32_t> first_filled_shard;

  /// where it is a part that is put into another: the rest of that stands among `tensors`, a name of which
  /// may then be there twice, its own first
  std::optional<WholeModel> whole;

  std::uint64_t total_bytes() const;
  const Tensor* find(std::string_view key) const;
  /// Did a conversion make it out of a checkpoint in that layout?
  bool returns_to(Layout to) const { return manifest && manifest->layout != to; }
  /// Is it of the model that this one is put into?
  bool is_of_whole(const Tensor& tensor) const { return whole && tensor.shard >= whole->first_shard; }
  /// Is it filled in from another checkpoint?
  bool is_filled(const Tensor& tensor) const {
    return first_filled_shard && tensor.shard >= *first_filled_shard && !is_of_whole(tensor);
  }
  /// How many of `shards` are its own.
  std::size_t own_shards() const {
    return first_filled_shard ? *first_filled_shard : whole ? whole->first_shard : shards.size();
  }
};

/// How a folder is read, where there is a choice.
struct OpenOptions {
  /// Links that lead out of the folder are followed.
  bool follow_links = false;
  /// Shards are found by their names; an index is not looked at.
  bool ignore_index = false;
  /// A trainer's state is a side file as any other.
  bool all_side_files = false;
};

struct Options;

/// What the user has asked for of it.
OpenOptions open_options(const Options& options);

/// Opens a folder (one model.safetensors, or shards with model.safetensors.index.json) or a single
/// .safetensors file; a file of headers stands for the checkpoint that it was made from; a hub's cache
/// folder, or the id of a repository that is in the cache (checkpoint/hub_cache.h), stands for its snapshot.
/// Reads headers and side files' names only. Throws UserError with every mistake found, SystemError where a
/// file cannot be read.
Checkpoint open_checkpoint(const std::filesystem::path& path, const OpenOptions& how = {});

}  // namespace tenon
