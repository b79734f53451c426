// Files beside the shards: what the manifest records of them, and whether they are still that.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/manifest.h"
#include "engine/hash.h"

namespace tenon {

/// Records files, with their XXH3, while their bytes pass, one file after the other (PassedBytes of
/// checkpoint/stage_output.h).
class SideFileRecorder {
 public:
  void pass(const std::string& name, std::span<const std::byte> bytes);

  /// The records, by name; without files whose names are no UTF-8, which no manifest can hold.
  std::vector<FileRecord> take();

 private:
  void finish();

  std::vector<FileRecord> records_;
  StreamHash hash_;  // of the last file
};

/// Adds the SHA-256 of each file as it stands in `folder`; `between` is called now and then and may throw.
/// Throws SystemError.
void add_sha256(std::vector<FileRecord>& records, const std::filesystem::path& folder,
                const std::function<void()>& between);

/// A side file that is not as it was recorded.
struct SideFileDifference {
  std::string name;
  std::string what;  // in words
};

/// Compares the files in `folder` with their records, by size and every hash that is recorded. `between` is
/// called now and then and may throw. Throws SystemError.
std::vector<SideFileDifference> changed_side_files(const std::vector<FileRecord>& records,
                                                   const std::filesystem::path& folder,
                                                   const std::function<void()>& between);

}  // namespace tenon
