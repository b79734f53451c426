// tenon-manifest.json: what a conversion did, so that it can be undone, resumed and verified later.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/adapter_record.h"
#include "checkpoint/source_layout.h"
#include "checkpoint/tensor_hash.h"
#include "options/options.h"
#include "tensor/dtype.h"
#include "tensor/facts.h"

namespace tenon {

inline constexpr const char* kManifestName = "tenon-manifest.json";
inline constexpr std::uint64_t kMaxManifestBytes = 512'000'000;
/// that is written
inline constexpr int kManifestVersion = 2;
/// that is read: it names rule files, and keeps no names
inline constexpr int kOldestManifestVersion = 1;
/// one on top of the other
inline constexpr int kMaxConversions = 16;

/// A rule file or fusion family that took part, by name and by a hash of what it says.
struct RuleRecord {
  std::string name;
  /// "xxh3-128:..." of the file's bytes
  std::string hash;
  /// given by --fuse
  bool family = false;
  /// asked for or detected; the rest was included by these
  bool chosen = false;
  /// version 1: of a file of the user's own, "" for one of the library
  std::string path;
};

/// Names that the inverse of the rules would not give back.
struct RememberedNames {
  /// Of tensors that no converter makes: a key here -> its key on the other side, whatever the rules say.
  std::map<std::string, std::string> kept;
  /// Of what a converter makes on the way back: the key that the rules give it -> the one that it had.
  std::map<std::string, std::string> made;

  bool empty() const { return kept.empty() && made.empty(); }
};

/// A tensor as it was read or written. A source tensor that was not read has no hash.
struct TensorRecord {
  std::string key;
  DType dtype = DType::kF32;
  Shape shape;
  TensorHash hash;
  /// of a source tensor: its shard, index into SourceLayout::shards
  std::uint32_t file = 0;
};

/// A file beside the shards as it was written: copied or made.
struct FileRecord {
  /// relative to the folder, with '/'; never leaves it
  std::string name;
  std::uint64_t bytes = 0;
  /// of the whole file; `xxh3` is never in blocks
  TensorHash hash;
};

struct Manifest {
  int version = kManifestVersion;
  std::string tenon_version;
  /// what the folder holds
  Layout layout = Layout::kFused;
  std::vector<RuleRecord> rules;
  /// Transform::id() of those that matched something on the way here
  std::vector<std::string> used_transforms;
  // what the way back has to know
  Facts facts;
  // The rules themselves, flat and with config.json's numbers, as rules/resolved_rules.h reads them.
  std::vector<nlohmann::ordered_json> transforms;
  std::vector<nlohmann::ordered_json> drops;
  std::vector<nlohmann::ordered_json> copies;
  /// the part of the model that was taken out or put in, as rules/model_part.h reads it; null: none
  nlohmann::ordered_json part;
  std::string base_model_prefix;
  std::vector<std::string> fused_keys;
  RememberedNames names;
  /// source key -> the rule's reason
  std::map<std::string, std::string> dropped;
  /// source keys that came from another checkpoint, in order
  std::vector<std::string> filled;
  std::vector<ConfigEdit> config_edits;
  /// the source's config.json verbatim
  std::optional<std::string> config_before;
  /// where the source was one
  std::optional<AdapterRecord> adapter;
  /// the adapter that was added to the source: no way back
  std::optional<MergeRecord> merged;
  std::string plan_hash;
  // Those that the table says are recorded; the others are as by default.
  Options options;
  /// version 1: the rule library's folder, where not the standard
  std::string library;
  /// natural order
  std::vector<TensorRecord> source;
  /// natural order
  std::vector<TensorRecord> output;
  /// empty in version 1
  SourceLayout source_layout;
  /// shard -> "sha256:...", where asked for
  std::map<std::string, std::string> files;
  /// all but shards and manifest; absent in old manifests
  std::optional<std::vector<FileRecord>> side_files;
  // The manifest that the source had, where this conversion was made on top of another: what is undone next.
  nlohmann::ordered_json before;
  // The manifest of the first half, where the source went from another layout through the original one: what
  // is undone behind this one.
  nlohmann::ordered_json through;
};

/// How many conversions are on top of each other, this one included.
int depth_of(const Manifest& manifest);

/// Pretty-printed, one tensor per line, ending in a newline.
std::string to_json_text(const Manifest& manifest);

/// Throws UserError (file, JSON place) where the text is no manifest of a version that this tenon reads.
Manifest parse_manifest(std::string_view text, const std::string& file);
/// That of the first half of a conversion that went through another layout. Throws as parse_manifest().
Manifest first_half_of(const Manifest& manifest, const std::string& file);

}  // namespace tenon
