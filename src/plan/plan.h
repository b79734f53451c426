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
#include "rules/rule_set.h"
#include "tensor/facts.h"
#include "tensor/view.h"
#include "values/recipe.h"

namespace tenon {

/// A tensor to be written.
struct PlannedTensor {
  std::string key;
  /// sources are indices into Checkpoint::tensors
  View view;
  /// the converter that made it, index into Plan::transforms; -1: passed through or renamed
  int transform = -1;
  /// index into Plan::shards
  std::uint32_t shard = 0;
  /// of its first byte, from the start of the shard file
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

/// A file to be written.
struct PlannedShard {
  /// "model-00001-of-00003.safetensors"
  std::string name;
  /// its first bytes: length prefix, JSON, padding
  std::string header;
  /// bytes of the whole file
  std::uint64_t size = 0;
};

/// What becomes of a source tensor.
struct SourceFate {
  enum class Kind { kPassed, kRenamed, kConverted, kDropped };
  Kind kind = Kind::kPassed;
  /// the output's key (the first of several); empty when dropped
  std::string output;
  /// kConverted: by which
  int transform = -1;
  /// kDropped: the rule's
  std::string reason;
};

/// What must hold of the source's bytes, which planning does not read; looked at before anything is written.
struct Condition {
  enum class Kind {
    // the elements that `view` reads are zero
    kZero,
    // they may be anything, but what is not zero does not come back
    kAnything,
    // the tensors `first` and `second` have the same bytes
    kEqual,
    // the elements that `view` reads are zero: an adapter's pair comes apart into its parts
    kApart,
    // each element of `first`, times that of `second` (by it, where `divides`), is at least `least` and below
    // `limit`: codes come back from the numbers that they are made into
    kScale
  };
  Kind kind = Kind::kZero;
  View view;
  std::uint32_t first = 0;
  std::uint32_t second = 0;
  // the transform that cuts off, or why one of the two tensors is left out
  std::string why;
  // of kScale; there may be no second tensor
  bool has_second = true;
  bool divides = false;
  double least = 0;
  double limit = 0;
};

struct Plan {
  Layout to = Layout::kFused;
  /// the list that was applied, in the direction that it was applied in
  std::vector<Transform> transforms;
  /// parallel to `transforms`
  std::vector<bool> transform_used;
  /// parallel to RuleSet::transforms: that one, or its inverse, matched
  std::vector<bool> rule_used;
  /// of the forward list, for the manifest
  std::vector<std::string> used_ids;
  /// in natural order of their keys
  std::vector<PlannedTensor> outputs;
  std::vector<PlannedShard> shards;
  /// parallel to Checkpoint::tensors
  std::vector<SourceFate> fates;
  // how values change: Piece::recipe counts from 1
  std::vector<Recipe> recipes;
  // what the way back has to know
  Facts facts;
  std::vector<Condition> conditions;
  // edits of config.json that follow from the plan itself
  std::vector<ConfigChange> own_config_changes;
  /// what the inverse of the rules would call otherwise
  RememberedNames names;
  /// accepted as such: the way back is not proven
  bool one_way = false;
  /// accepted by --within: how far numbers are from themselves when they come back, and how many weights
  std::map<std::string, std::size_t> within;
  /// source keys that keep their new name on the way back
  std::vector<std::string> forward_only;
  std::vector<ConfigEdit> config_edits;
  /// config.json to write, where it is not a copy of the source's
  std::optional<std::string> config_text;
  /// the source's, verbatim, where it is edited
  std::optional<std::string> config_before;
  /// of an adapter: what its way back has to know
  std::optional<AdapterRecord> adapter;
  /// adapter_config.json, where it is not a copy
  std::optional<std::string> adapter_config_text;
  /// where there are shards
  std::optional<std::string> index_text;
  /// "model.safetensors.index.json"
  std::string index_name;
  /// of the stable dump (plan/dump_plan.h)
  std::string hash;
  /// assumptions made, transforms that matched nothing, warnings
  std::vector<Diagnostic> notes;
};

}  // namespace tenon
