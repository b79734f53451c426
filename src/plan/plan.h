// The plan: what will be written and out of what. Plain data, made from headers alone; the engine knows
// nothing but this.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "plan/view.h"
#include "rules/rule_set.h"

namespace tenon {

/// A tensor to be written.
struct PlannedTensor {
  std::string key;
  View view;  // sources are indices into Checkpoint::tensors
  int transform =
      -1;  // the converter that made it, index into Plan::transforms; -1: passed through or renamed
  std::uint32_t shard = 0;   // index into Plan::shards
  std::uint64_t offset = 0;  // of its first byte, from the start of the shard file
  std::uint64_t bytes = 0;
};

/// A file to be written.
struct PlannedShard {
  std::string name;        // "model-00001-of-00003.safetensors"
  std::string header;      // its first bytes: length prefix, JSON, padding
  std::uint64_t size = 0;  // bytes of the whole file
};

/// What becomes of a source tensor.
struct SourceFate {
  enum class Kind { kPassed, kRenamed, kConverted, kDropped };
  Kind kind = Kind::kPassed;
  std::string output;  // the output's key (the first of several); empty when dropped
  int transform = -1;  // kConverted: by which
  std::string reason;  // kDropped: the rule's
};

struct Plan {
  Layout to = Layout::kFused;
  std::vector<Transform> transforms;   // the list that was applied, in the direction that it was applied in
  std::vector<bool> transform_used;    // parallel to `transforms`
  std::vector<std::string> used_ids;   // of the forward list, for the manifest
  std::vector<PlannedTensor> outputs;  // in natural order of their keys
  std::vector<PlannedShard> shards;
  std::vector<SourceFate> fates;  // parallel to Checkpoint::tensors
  std::map<std::string, std::vector<std::int64_t>>
      part_sizes;                          // fused key -> extents of joined parts (Manifest)
  std::map<std::string, bool> transposed;  // fused key -> a Transpose(check_dims) swapped it
  std::vector<ConfigEdit> config_edits;
  std::optional<std::string> config_text;    // config.json to write, where it is not a copy of the source's
  std::optional<std::string> config_before;  // the source's, verbatim, where it is edited
  std::optional<std::string> index_text;     // model.safetensors.index.json, where there are shards
  std::string hash;                          // of the stable dump (plan/dump_plan.h)
  std::vector<Diagnostic> notes;             // assumptions made, transforms that matched nothing, warnings
};

}  // namespace tenon
