// What was converted, checked later: against its manifest, its source, another checkpoint.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tenon/error.h"
#include "tenon/observer.h"
#include "tenon/options.h"

namespace tenon {
TENON_INLINE namespace v0 {
struct VerifyResult {
  std::uint64_t tensors = 0;
  std::uint64_t side_files = 0;
  /// read
  std::uint64_t bytes = 0;
  struct Finding {
    /// of a tensor, or a file's name
    std::string key;
    std::string what;
  };
  std::vector<Finding> findings;
  /// nothing was found
  bool holds = false;
  /// what `tenon verify` prints
  std::string text;
  std::string json;
};

/// A converted folder against its manifest and, with `against`, its source. Throws UserError where it has
/// no manifest, SystemError, Interrupted.
VerifyResult verify(const std::filesystem::path& folder, const VerifyOptions& options = {});
VerifyResult verify(const std::filesystem::path& folder, const VerifyOptions& options, Observer& observer);

struct DiffResult {
  std::uint64_t tensors_in_both = 0;
  std::uint64_t bytes_compared = 0;
  /// other names, the same dtype, shape and bytes
  std::vector<std::pair<std::string, std::string>> renamed;
  std::vector<std::string> only_in_a;
  std::vector<std::string> only_in_b;
  /// keys whose dtype or shape differs
  std::vector<std::string> headers_differ;
  /// keys of the same dtype and shape
  std::vector<std::string> bytes_differ;
  bool same = false;
  /// what `tenon diff` prints
  std::string text;
  std::string json;
};

/// Two checkpoints: names, dtypes, shapes, bytes. Throws UserError, SystemError, Interrupted.
DiffResult diff(const std::filesystem::path& a, const std::filesystem::path& b,
                const DiffOptions& options = {});
DiffResult diff(const std::filesystem::path& a, const std::filesystem::path& b, const DiffOptions& options,
                Observer& observer);

}  // namespace v0
}  // namespace tenon
