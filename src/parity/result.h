// Parity: does the fused module compute what the original did? For every module of a checkpoint that its
// rules have a program for, five checks on seeded inputs; docs/parity.md says what each of them proves.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/observer.h"
#include "checkpoint/checkpoint.h"
#include "modules/array.h"
#include "parity/compare.h"
#include "plan/plan.h"
#include "rules/rule_set.h"

namespace tenon {

class Backend;  // modules/backend.h

struct ParityOptions {
  /// what weights and results are kept in; absent: as each module's weights are
  std::optional<DType> dtype;
  std::int64_t tokens = 16;
  std::uint64_t seed = 0;
  /// ranges, first and last; none: all layers
  std::vector<std::pair<std::int64_t, std::int64_t>> layers;
  // The path of a module in the fused layout: it and those below it alone. Empty: all.
  std::string module;
  // What programs are given in place of seeded inputs, by the inputs' names; their first extent is the
  // tokens.
  std::map<std::string, Array<double>> inputs;
  // Keep the exact result of every compared value, for both sides.
  bool keep_outputs = false;
  // Runs beside this one, which want as much memory.
  int jobs_beside = 0;
  /// module programs to look for beside those of the rules: shared_modules()
  std::vector<RuleFile> shared;
};

struct HashedTensor {
  std::string key;
  std::string hash;
};

struct MutantResult {
  std::string name;
  std::string weight;
  /// false: it leaves the weights as they are
  bool applies = true;
  /// by a check that must see it
  bool killed = false;
  /// of bytes, bitwise, bounded
  std::vector<std::string> killed_by;
};

/// A fused weight of a module that its program never reads: known by its bytes alone.
struct UnreadWeight {
  std::string key;
  std::uint64_t bytes = 0;
  // Are they what the plan makes?
  bool differs = false;
};

/// The exact result of a compared value.
struct KeptOutput {
  /// original, fused
  std::string side;
  std::string name;
  Array<double> values;
};

/// One module, checked.
struct ModuleResult {
  std::string program;
  /// what of the module is compared: "whole module", "routed experts", ...
  std::string claims;
  std::vector<UnreadWeight> unread;
  std::vector<KeptOutput> outputs;
  std::string rule;
  std::string path;
  std::optional<std::int64_t> layer;
  DType dtype = DType::kF32;

  std::uint64_t bytes_compared = 0;
  /// keys of tensors that are not what they should be
  std::vector<std::string> bytes_differ;
  std::int64_t bitwise_elements = 0;
  std::int64_t bitwise_differ = 0;
  Deviation original;
  Deviation fused;
  /// both sides chose experts that rounding could choose
  bool routes_admissible = true;
  std::vector<MutantResult> mutants;

  std::vector<HashedTensor> original_tensors;
  std::vector<HashedTensor> fused_tensors;
  double original_seconds = 0;
  double fused_seconds = 0;
  /// all five checks, without the reading of its weights
  double check_seconds = 0;

  std::uint64_t unread_bytes() const;
  bool bytes_hold() const { return bytes_compared > 0 && bytes_differ.empty(); }
  bool bitwise_holds() const { return bitwise_elements > 0 && bitwise_differ == 0; }
  bool bounded_holds() const { return original.holds() && fused.holds() && routes_admissible; }
  double worse_limit() const { return 2 * original.largest_error + fused.rounding_floor; }
  bool no_worse_holds() const { return fused.elements > 0 && fused.largest_error <= worse_limit(); }
  bool power_holds() const;
  bool holds() const {
    return bytes_hold() && bitwise_holds() && bounded_holds() && no_worse_holds() && power_holds();
  }
};

struct UncoveredModule {
  std::string program;
  /// empty: no module of the checkpoint is one
  std::string path;
  std::string reason;
};

struct ParityResult {
  std::string backend;
  /// what it ran on
  std::string machine;
  /// of original weights that were checked
  std::uint64_t bytes = 0;
  std::int64_t tokens = 0;
  std::uint64_t seed = 0;
  std::vector<ModuleResult> modules;
  std::vector<UncoveredModule> uncovered;
  // Of fused tensors whose elements move: their bytes, and those of them that programs read.
  std::uint64_t changed_bytes = 0;
  std::uint64_t changed_compared = 0;
  // Those that no program reads, checked by their bytes alone.
  std::vector<UnreadWeight> by_bytes_alone;
  // Only some modules were asked for: what was left out says nothing.
  bool is_part = false;
  double seconds = 0;

  // What was compared holds.
  bool holds() const;
  // Programs have read every tensor whose elements move.
  bool covers() const { return is_part || changed_compared == changed_bytes; }
};

/// The module programs that a library has for every checkpoint: parity/*.yaml in its folders, of two of one
/// name the first. Throws UserError.
std::vector<RuleFile> shared_modules(const std::vector<std::filesystem::path>& folders);

/// Runs the programs of the plan's rules. Progress is told as modules, its stages being their paths. The
/// fused weights are read from `fused`, or, where that is nullptr, made by the plan of the original ones.
/// Throws UserError where a program is wrong or `fused` lacks a tensor, SystemError, Interrupted.
ParityResult run_parity(const Checkpoint& original, const RuleSet& rules, const Plan& plan,
                        const Checkpoint* fused, const ParityOptions& options, Backend& backend,
                        Observer& observer = nobody());

}  // namespace tenon
