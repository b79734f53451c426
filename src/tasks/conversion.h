// A conversion as data: what was planned, and what a finished one says of itself.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/manifest.h"
#include "options/options.h"
#include "plan/build_plan.h"
#include "plan/plan.h"
#include "rules/choose_rules.h"
#include "rules/library.h"
#include "rules/rule_set.h"
#include "tasks/timings.h"

namespace tenon {

/// A conversion that goes through a layout that is never written: its two halves, each proven by itself.
struct ThroughLayout {
  /// the first half's: from the source
  RuleSet rules;
  Plan plan;
  /// what would be there: headers and config.json
  Checkpoint between;
  /// the second half's, in terms of `between`
  Plan second;
};

/// A conversion that is decided and proven, of which nothing is done yet.
struct PlannedConversion {
  Checkpoint source;
  /// the folders of the rule library
  std::vector<std::filesystem::path> library;
  RuleSet rules;
  Plan plan;
  Timings timings;
  // an adapter that is added on the way
  std::optional<MergeRecord> merged;
  /// for the manifest: what the source's own conversion was; null: none
  nlohmann::ordered_json before;
  /// where there are two halves; `rules` are the second one's, `plan` is of both
  std::shared_ptr<const ThroughLayout> through;
};

/// What a finished conversion says of itself.
struct ConversionReport {
  std::string source;
  std::string destination;
  Layout to = Layout::kFused;
  /// names, families too
  std::vector<std::string> rules;
  std::uint64_t source_tensors = 0;
  std::uint64_t output_tensors = 0;
  std::uint64_t shards = 0;
  /// of all output tensors
  std::uint64_t bytes = 0;
  /// less with --resume
  std::uint64_t bytes_written = 0;
  /// all steps together
  double seconds = 0;
  /// what was written was read again and compared with the source
  bool verified = false;
  /// for that
  std::uint64_t bytes_read_back = 0;
  /// of those: the system did not let go of them
  std::uint64_t bytes_read_from_memory = 0;
  /// "xxh3", "sha256" or "none"
  std::string hash;
  /// of --verify: what differs; the destination was not made then
  std::vector<std::string> findings;
  /// of its steps, in their order
  Timings timings;
};

}  // namespace tenon
