// Conversions.
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
struct ConvertResult {
  std::string source;
  std::string destination;
  Layout to = Layout::kFused;
  /// names, families too
  std::vector<std::string> rules;
  std::uint64_t source_tensors = 0;
  std::uint64_t output_tensors = 0;
  std::uint64_t shards = 0;
  /// of all output tensors
  std::uint64_t bytes = 0;
  /// less with `resume`
  std::uint64_t bytes_written = 0;
  double seconds = 0;
  /// with `verify`: read again and compared
  bool verified = false;
  /// of that: what differs; the destination was not made then
  std::vector<std::string> findings;
  /// seconds of each step
  std::vector<std::pair<std::string, double>> timings;
  /// what `tenon convert` prints
  std::string text;
  std::string json;
};

/// Afterwards `destination` is complete, or it is as it was and an error was thrown (or `findings` is not
/// empty). Throws UserError, SystemError, Interrupted.
ConvertResult convert(const std::filesystem::path& source, const std::filesystem::path& destination,
                      const ConvertOptions& options = {});
ConvertResult convert(const std::filesystem::path& source, const std::filesystem::path& destination,
                      const ConvertOptions& options, Observer& observer);

struct BatchJobResult {
  std::string name;
  std::string source;
  std::string destination;
  /// "done", "done before", "planned", "failed", "interrupted", "not run"
  std::string result;
  double seconds = 0;
  /// of a failed one: every message, as lines
  std::string error;
};

struct BatchResult {
  std::vector<BatchJobResult> jobs;
  /// none failed and all were run
  bool holds = false;
  /// the observer stopped it
  bool interrupted = false;
  /// what `tenon batch` prints
  std::string text;
  std::string json;
  std::string junit;
};

/// The jobs of a batch file; those that an earlier run has finished are skipped. What is wrong with a job
/// goes into its result. Throws UserError where the file itself is wrong.
BatchResult batch(const std::filesystem::path& file, const BatchOptions& options = {});
BatchResult batch(const std::filesystem::path& file, const BatchOptions& options, Observer& observer);

}  // namespace v0
}  // namespace tenon
