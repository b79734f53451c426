// tenon-manifest.json: what a conversion did, so that it can be undone, resumed and verified later.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/dtype.h"
#include "checkpoint/tensor_hash.h"

namespace tenon {

inline constexpr const char* kManifestName = "tenon-manifest.json";
inline constexpr int kManifestVersion = 1;

/// Which side of a rule list a checkpoint is on: as its publisher ships it, or as the optimised model wants
/// it.
enum class Layout { kOriginal, kFused };
std::string_view name_of(Layout layout);

/// A rule file or fusion family that took part, by name and by a hash of what it says.
struct RuleRecord {
  std::string name;
  std::string hash;     // "xxh3-128:..." of the file's bytes
  bool family = false;  // given by --fuse
  bool chosen = false;  // asked for or detected; the rest was included by these
  std::string path;     // of a file of the user's own, "" for one of the library
};

/// One edit of config.json; `before` is absent where the key did not exist, `after` where it was removed.
struct ConfigEdit {
  std::string path;  // dotted: "fusion_config.patch_embeddings"
  std::optional<nlohmann::ordered_json> before;
  std::optional<nlohmann::ordered_json> after;
};

/// A tensor as it was read or written. A source tensor that was not read has no hash.
struct TensorRecord {
  std::string key;
  DType dtype = DType::kF32;
  Shape shape;
  TensorHash hash;
};

/// A file beside the shards as it was written: copied or made.
struct FileRecord {
  std::string name;  // relative to the folder, with '/'; never leaves it
  std::uint64_t bytes = 0;
  TensorHash hash;  // of the whole file; `xxh3` is never in blocks
};

struct Manifest {
  std::string tenon_version;
  Layout layout = Layout::kFused;  // what the folder holds
  std::vector<RuleRecord> rules;
  std::vector<std::string>
      used_transforms;  // Transform::id() of those that matched something on the way here
  std::map<std::string, std::vector<std::int64_t>>
      part_sizes;                          // fused key -> extents of its parts along the joined dimension
  std::map<std::string, bool> transposed;  // fused key -> whether a Transpose(check_dims) swapped it
  std::vector<ConfigEdit> config_edits;
  std::optional<std::string> config_before;  // the source's config.json verbatim, where it was edited
  std::string plan_hash;
  std::string max_shard_size;              // as given
  std::vector<std::string> assume_used;    // as given, likewise
  std::vector<std::string> assume_layout;  // "GLOB=original", "GLOB=fused"
  bool one_way = false;
  std::string library;                       // the rule library's folder, where it was not the standard one
  std::vector<TensorRecord> source;          // natural order
  std::vector<TensorRecord> output;          // natural order
  std::map<std::string, std::string> files;  // shard -> "sha256:...", where asked for
  std::optional<std::vector<FileRecord>> side_files;  // all but shards and manifest; absent in old manifests
};

/// Pretty-printed, one tensor per line, ending in a newline.
std::string to_json_text(const Manifest& manifest);

/// Throws UserError (file, JSON place) where the text is no manifest of a version that this tenon reads.
Manifest parse_manifest(std::string_view text, const std::string& file);

}  // namespace tenon
