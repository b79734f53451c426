// What a parity report claims, read back: which tensors it is about, by their hashes.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace tenon {

struct ParityRecord {
  /// its own verdict
  bool holds = false;
  /// the checkpoints' paths, as its user gave them
  std::string original;
  /// empty: the fused weights were those that the plan makes
  std::string fused;
  std::size_t modules = 0;
  /// by tensor key
  std::map<std::string, std::string> original_hashes;
  std::map<std::string, std::string> fused_hashes;
};

/// Reads a report.json. Throws UserError where it is none or its own verdict does not follow from its
/// modules, SystemError where it cannot be read.
ParityRecord read_parity_report(const std::filesystem::path& path);

}  // namespace tenon
