// What the conversion of an adapter found out that its way back has to know, as manifests keep it.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tensor/dtype.h"

namespace tenon {

/// One edit of config.json; `before` is absent where the key did not exist, `after` where it was removed.
struct ConfigEdit {
  /// dotted: "fusion_config.patch_embeddings"
  std::string path;
  std::optional<nlohmann::ordered_json> before;
  std::optional<nlohmann::ordered_json> after;
};

struct AdapterRecord {
  /// Of a tensor of the base, on either side, that several on the other side are parts of: the ranks of the
  /// parts in their order, expert by expert; a single one where the parts share their A.
  std::map<std::string, std::vector<std::int64_t>> ranks;
  /// Parameters that are no module's weight: where their pair stands in the adapter -> the base's key.
  std::map<std::string, std::string> parameters;
  /// The same: are the parameter's rows inputs?
  std::map<std::string, bool> rows_are_inputs;
  /// Tensors of the base that are parts of something and that the adapter leaves alone, with their shapes.
  std::map<std::string, Shape> absent;
  /// Of adapter_config.json, at its top level.
  std::vector<ConfigEdit> edits;
  /// adapter_config.json of the source, verbatim.
  std::string config_before;
};

/// An adapter that was added to the tensors of a folder.
struct MergeRecord {
  /// content hash of its adapter_config.json
  std::string config;
  /// its keys -> their hashes
  std::map<std::string, std::string> tensors;
};

}  // namespace tenon
