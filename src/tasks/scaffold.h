// A draft of rules from two checkpoints, and what it makes of the one: exactly the other, or what not.
#pragma once

#include "base/observer.h"
#include "lint/draft_by_bytes.h"
#include "options/options.h"
#include "rules/library.h"

namespace tenon {

struct ScaffoldReport {
  BytesDraft draft;
  /// the draft, with what it makes said at its top
  std::string rule_file;
  /// of the fused checkpoint
  std::size_t tensors = 0;
  /// it converts the original to exactly the fused checkpoint
  bool exact = false;
  /// else: what does not come out, or why it cannot be planned
  std::vector<std::string> shortfall;
  /// commands of the library that make exactly the same
  std::vector<std::string> known;
};

/// `options.source`: the original; `options.other`: the fused checkpoint; `options.name`: the rule file's
/// name.
ScaffoldReport scaffold(const Options& options, const Library& library, Observer& observer);

}  // namespace tenon
