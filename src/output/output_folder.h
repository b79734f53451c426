// A folder that becomes a checkpoint, to those who write into it: the process that has claimed the
// destination, or another that it has told the path.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/observer.h"
#include "checkpoint/checkpoint.h"

namespace tenon {

/// Is shown the bytes of a side file in order, at least once for each file: the name first, below the folder.
using PassedBytes = std::function<void(const std::string& name, std::span<const std::byte> bytes)>;

class OutputFolder {
 public:
  /// The folder exists. `sync`: wait for the disk after each file.
  OutputFolder(std::filesystem::path path, bool sync) : path_(std::move(path)), sync_(sync) {}

  const std::filesystem::path& path() const { return path_; }

  /// Copies the source's side files, links as the files that they point to. `texts` replace those of
  /// their names; `passed` is shown what is written, as write_text() shows it. Throws SystemError,
  /// Interrupted.
  void copy_side_files(const Checkpoint& source, const std::map<std::string, std::string>& texts,
                       const Observer& observer = nobody(), const PassedBytes& passed = {}) const;

  /// Writes a small text file, such as the index or (last) the manifest. `passed` is shown its text. Throws
  /// SystemError.
  void write_text(const std::string& name, std::string_view text, const PassedBytes& passed = {}) const;

  /// Makes the entries of the folder and of those in it durable; false where the file system cannot. Throws
  /// SystemError.
  bool sync_folders() const;

 private:
  std::filesystem::path path_;
  bool sync_;
};

}  // namespace tenon
