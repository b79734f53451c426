// Do fused modules compute what the original ones did? docs/parity.md says what is proven, and how.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tenon/error.h"
#include "tenon/observer.h"
#include "tenon/options.h"

namespace tenon {
TENON_INLINE namespace v0 {
/// One module and its five checks.
struct ModuleParity {
  /// in the fused layout
  std::string path;
  /// what of it is compared: "whole module", "routed experts", ...
  std::string claims;
  bool holds = false;
  /// the fused weights are what the plan makes
  bool bytes = false;
  /// both sides agree bit for bit in a fixed order of summation
  bool bitwise = false;
  /// both stay within the bound of rounding errors of the exact result
  bool bounded = false;
  /// the fused side's error is not larger than the original's allows
  bool no_worse = false;
  /// the checks find planted mistakes
  bool power = false;
};

struct ParityResult {
  /// all modules that were compared
  bool holds = false;
  /// and nothing moves that was not compared
  bool covers = false;
  std::vector<ModuleParity> modules;
  /// of fused tensors whose elements move
  std::uint64_t changed_bytes = 0;
  /// those of them that programs read
  std::uint64_t changed_compared = 0;
  /// "cpu", "cuda"
  std::string backend;
  double seconds = 0;
  /// what `tenon parity` prints
  std::string text;
  /// report.json
  std::string json;
  /// report.html
  std::string html;
  std::string junit;
};

/// The fused weights are those that the plan makes, or with `fused` those of a converted folder. Progress
/// is told as modules, its stages being their paths. Throws UserError, SystemError, Interrupted.
ParityResult parity(const std::filesystem::path& original, const std::filesystem::path& fused = {},
                    const ParityOptions& options = {});
ParityResult parity(const std::filesystem::path& original, const std::filesystem::path& fused,
                    const ParityOptions& options, Observer& observer);

}  // namespace v0
}  // namespace tenon
