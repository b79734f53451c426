// What a conversion is asked for: as typed on the command line or in a batch file, and what that means.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostics.h"
#include "checkpoint/stage_output.h"
#include "engine/engine.h"
#include "plan/build_plan.h"
#include "rules/choose_rules.h"

namespace tenon {

inline constexpr int kMostThreads = 1024;

/// As typed. The names are those of the flags, and of the keys in a batch file.
struct ConvertOptions {
  std::string to = "fused";
  std::vector<std::string> rules;
  std::vector<std::string> fuse;
  std::string max_shard_size;  // empty: 5GB, and a one-file checkpoint stays one file
  std::vector<std::string> assume_used;
  std::vector<std::string> assume_layout;  // "GLOB=original", "GLOB=fused"
  bool one_way = false;
  int threads = 0;
  std::string hash = "xxh3";
  bool sync = true;
  bool verify = false;
  bool resume = false;
  bool overwrite = false;
};

struct PlanRequest {
  RuleRequest rules;
  PlanOptions options;
};

struct ConvertRequest {
  std::string source;
  std::string destination;
  PlanRequest plan;
  std::string max_shard_size;  // as typed, for the manifest
  int threads = 0;
  HashKind hash = HashKind::kXxh3;
  StageOptions stage;
  bool verify = false;
};

/// Where a flag ("max_shard_size") stands in the user's input, for messages.
using PlaceOfFlag = std::function<Place(std::string_view flag)>;

/// What the flags mean; `source` and `destination` are left empty. Mistakes go to `diagnostics`.
ConvertRequest meaning_of(const ConvertOptions& flags, const PlaceOfFlag& place, Diagnostics& diagnostics);

/// The same for flags of the command line. Throws UserError with every mistake.
ConvertRequest meaning_of(const ConvertOptions& flags);

}  // namespace tenon
