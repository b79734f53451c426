// A plan: what a conversion would write, out of what, proven before a byte is written.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tenon/checkpoint.h"
#include "tenon/error.h"
#include "tenon/observer.h"
#include "tenon/options.h"

namespace tenon {
TENON_INLINE namespace v0 {
/// What becomes of a tensor of the source.
struct Fate {
  std::string key;
  /// "passed", "renamed", "converted", "dropped"
  std::string what;
  /// the output that holds it (the first of several), "" where it is dropped
  std::string output;
  /// of a dropped one
  std::string reason;
};

/// What was done with a key, there and back.
struct KeyExplanation {
  /// the keys that hold its elements on the other side
  std::vector<std::string> results;
  /// of an output: the source's keys
  std::vector<std::string> made_of;
  /// what `tenon explain` prints
  std::string text;
  std::string json;
};

/// A proven plan; copies are the same one. Holds headers and strided copies, no tensor.
class Plan {
 public:
  /// Opens `source`, chooses the rules, builds the plan and proves it. Warnings go to the observer. Throws
  /// UserError with everything that stands against it, SystemError, Interrupted.
  static Plan make(const std::filesystem::path& source, const PlanOptions& options = {});
  static Plan make(const std::filesystem::path& source, const PlanOptions& options, Observer& observer);

  Layout to() const;
  /// The tensors that would be written, in natural order of their keys.
  const std::vector<TensorInfo>& outputs() const;
  const TensorInfo* find(const std::string& key) const;
  /// Parallel to the source's tensors.
  const std::vector<Fate>& fates() const;
  /// What was assumed; transforms that matched nothing.
  const std::vector<Diagnostic>& notes() const;
  /// Of what will be written: two plans of the same hash write the same shards.
  const std::string& hash() const;

  /// An output's bytes, row-major, little-endian, as the conversion would write them: read out of the
  /// source, and nothing is written. Safe from several threads. Throws UserError where there is no such
  /// output or the source has changed, SystemError.
  std::vector<std::byte> read(const std::string& key) const;

  KeyExplanation explain(const std::string& key) const;

  /// What `tenon plan` prints: for people, for programs, and the stable form to keep and compare.
  std::string text() const;
  std::string json() const;
  std::string golden() const;
  /// What the rules decide, in few lines: what `tenon plan --check` keeps and compares.
  std::string snapshot() const;

 private:
  struct State;
  explicit Plan(std::shared_ptr<const State> state);
  std::shared_ptr<const State> state_;
};

}  // namespace v0
}  // namespace tenon
