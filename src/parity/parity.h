// Parity: does the fused module compute what the original did? For every module of a checkpoint that its
// rules have a program for, five checks on seeded inputs; docs/parity.md says what each of them proves.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "parity/compare.h"
#include "plan/plan.h"
#include "rules/rule_set.h"

namespace tenon {

class Backend;  // parity/backend.h

struct ParityOptions {
  std::optional<DType> dtype;  // what weights and results are kept in; absent: as each module's weights are
  std::int64_t tokens = 16;
  std::uint64_t seed = 0;
  std::optional<std::pair<std::int64_t, std::int64_t>> layers;  // first and last
  std::vector<RuleFile> shared;  // module programs to look for beside those of the rules: shared_modules()
  std::function<void(std::size_t done, std::size_t all, const std::string& module)> progress;
};

struct HashedTensor {
  std::string key;
  std::string hash;
};

struct MutantResult {
  std::string name;
  std::string weight;
  bool applies = true;                 // false: it leaves the weights as they are
  bool killed = false;                 // by a check that must see it
  std::vector<std::string> killed_by;  // of bytes, bitwise, bounded
};

/// One module, checked.
struct ModuleResult {
  std::string program;
  std::string rule;
  std::string path;
  std::optional<std::int64_t> layer;
  DType dtype = DType::kF32;

  std::uint64_t bytes_compared = 0;
  std::vector<std::string> bytes_differ;  // keys of tensors that are not what they should be
  std::int64_t bitwise_elements = 0;
  std::int64_t bitwise_differ = 0;
  Deviation original;
  Deviation fused;
  bool routes_admissible = true;  // both sides chose experts that rounding could choose
  std::vector<MutantResult> mutants;

  std::vector<HashedTensor> original_tensors;
  std::vector<HashedTensor> fused_tensors;
  double original_seconds = 0;
  double fused_seconds = 0;

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
  std::string path;  // empty: no module of the checkpoint is one
  std::string reason;
};

struct ParityResult {
  std::string backend;
  std::string machine;      // what it ran on
  std::uint64_t bytes = 0;  // of original weights that were checked
  std::int64_t tokens = 0;
  std::uint64_t seed = 0;
  std::vector<ModuleResult> modules;
  std::vector<UncoveredModule> uncovered;
  double seconds = 0;

  bool holds() const;
};

/// The module programs that a library has for every checkpoint: its parity/*.yaml. Throws UserError.
std::vector<RuleFile> shared_modules(const std::filesystem::path& library);

/// Runs the programs of the plan's rules. The fused weights are read from `fused`, or, where that is nullptr,
/// made by the plan of the original ones. Throws UserError where a program is wrong or `fused` lacks a
/// tensor, SystemError.
ParityResult run_parity(const Checkpoint& original, const RuleSet& rules, const Plan& plan,
                        const Checkpoint* fused, const ParityOptions& options, Backend& backend);

}  // namespace tenon
