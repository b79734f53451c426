// A converted folder against its manifest and, where asked for, against its source.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/observer.h"
#include "options/options.h"

namespace tenon {

struct VerifyFinding {
  /// of a tensor, or a file's name
  std::string key;
  std::string what;
};

struct VerifyReport {
  std::string directory;
  /// the source, empty where only the manifest was asked
  std::string against;
  std::uint64_t tensors = 0;
  /// compared with the manifest
  std::uint64_t side_files = 0;
  /// read
  std::uint64_t bytes = 0;
  /// of the folder's shards: the system did not let go of them
  std::uint64_t bytes_from_memory = 0;
  /// false: the manifest has no hashes, so bytes were only compared with the source
  bool hashed = true;
  /// the manifest has SHA-256 as well
  bool sha256 = false;
  std::vector<VerifyFinding> findings;
  /// there are findings, all of them of files beside the shards
  bool only_beside = false;
};

/// Hashes what stands in `options.folder` and compares. Warnings, notes and progress go to the observer.
/// Throws UserError where there is no manifest, SystemError, Interrupted.
VerifyReport verify(const Options& options, Observer& observer);

}  // namespace tenon
