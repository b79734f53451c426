// Files beside the shards: what the manifest records of them, and whether they are still that.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/observer.h"
#include "checkpoint/manifest.h"
#include "engine/hash.h"

namespace tenon {

/// Records files, with their XXH3, while their bytes pass, one file after the other (PassedBytes of
/// output/output_folder.h).
class SideFileRecorder {
 public:
  void pass(const std::string& name, std::span<const std::byte> bytes);

  /// The records, by name; without files whose names are no UTF-8, which no manifest can hold.
  std::vector<FileRecord> take();

 private:
  void finish();

  std::vector<FileRecord> records_;
  /// of the last file
  StreamHash hash_;
};

/// Adds the SHA-256 of each file as it stands in `folder`. Throws SystemError, Interrupted.
void add_sha256(std::vector<FileRecord>& records, const std::filesystem::path& folder,
                const Observer& observer);

/// A side file that is not as it was recorded.
struct SideFileDifference {
  std::string name;
  /// in words
  std::string what;
};

/// Compares the files in `folder` with their records, by size and every hash that is recorded. Throws
/// SystemError, Interrupted.
std::vector<SideFileDifference> changed_side_files(const std::vector<FileRecord>& records,
                                                   const std::filesystem::path& folder,
                                                   const Observer& observer, bool follow_links = false);

}  // namespace tenon
