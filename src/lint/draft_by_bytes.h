// A draft of rules from two checkpoints whose bytes are at hand: what was renamed, stacked, joined, cut,
// turned or permuted is seen, not guessed. Each line says what it was seen to hold of.
#pragma once

#include <string>
#include <vector>

#include "base/observer.h"
#include "checkpoint/checkpoint.h"
#include "plan/plan.h"

namespace tenon {

struct BytesDraft {
  /// YAML
  std::string rule_file;
  /// of fused keys (numbers written as `*`)
  std::size_t kinds = 0;
  std::size_t explained = 0;
  /// kinds under one name in both, with other bytes
  std::vector<std::string> differing;
  /// fused kinds whose bytes no operation was seen to make
  std::vector<std::string> unexplained;
  /// original kinds that nothing uses
  std::vector<std::string> left_over;
};

/// Reads both checkpoints. `name` becomes the rule file's name. Throws as execute() does.
BytesDraft draft_by_bytes(const Checkpoint& original, const Checkpoint& fused, const std::string& name,
                          Observer& observer);

/// What of `wanted` a plan on `source` does not make, at most `limit` texts ("model.norm.weight: other
/// bytes"), and how many there are in all. Reads both where keys, dtypes and shapes are alike.
struct DraftDifferences {
  std::vector<std::string> shown;
  std::size_t count = 0;
};
DraftDifferences differences_of(const Plan& plan, const Checkpoint& source, const Checkpoint& wanted,
                                std::size_t limit, const Observer& observer);

}  // namespace tenon
