// What the rules decide about a checkpoint, in few lines: to be kept in a repository, reviewed and compared.
// Sizes of files and places in them, which rules do not decide, are not in it.
//
//   tenon-plan 1
//   to fused by mixtral
//   65 tensors become 21
//   transform mixtral#1 (WeightConverter ...): its operations
//   tensor model.layers.{i=0..31}.mlp.experts.gate_up_proj BF16 [8, 28672, 4096] by mixtral#1, moves 1f0c52a7
//     from model.layers.{i}.block_sparse_moe.experts.{0..7}.w1.weight
//     from model.layers.{i}.block_sparse_moe.experts.{0..7}.w3.weight
#pragma once

#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "plan/plan.h"
#include "rules/rule_set.h"

namespace tenon {

/// `moves` is a hash of where elements go within their tensors. The same for any sharding of the source.
std::string plan_snapshot(const Checkpoint& source, const RuleSet& rules, const Plan& plan);

/// A record (a line, and what is indented under it) that only one of two snapshots has; of a tensor, both.
struct SnapshotChange {
  /// "" where it is new
  std::string kept;
  /// "" where it is gone
  std::string now;
};

/// What is gone first, then in the order of the records of now. Throws UserError where `kept` is no snapshot;
/// `file` is for messages.
std::vector<SnapshotChange> compare_snapshots(const std::string& kept, const std::string& now,
                                              const std::string& file);

}  // namespace tenon
