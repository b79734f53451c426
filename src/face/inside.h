// Between the installed face (include/tenon/, namespace tenon::v0) and what is behind it (namespace tenon):
// diagnostics, errors and observers in the other's words. Only src/face sees both.
#pragma once

#include <exception>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/diagnostics.h"
#include "base/observer.h"
#include "checkpoint/checkpoint.h"
#include "plan/plan.h"
#include "tenon/error.h"
#include "tenon/observer.h"
#include "tenon/plan.h"

namespace tenon::face {

v0::Diagnostic told(const Diagnostic& diagnostic);
std::vector<v0::Diagnostic> told(const std::vector<Diagnostic>& all);

/// Hands on to the caller's observer what a task says, and keeps the warnings for its document.
class Bridge : public Observer {
 public:
  explicit Bridge(v0::Observer& observer) : observer_(observer) {}

  using Observer::note;
  void note(const Diagnostic& diagnostic) override;
  void progress(std::string_view stage, std::uint64_t done, std::uint64_t total) override;
  bool stopped() const override;

  /// `document` with `warnings`, as the program prints it.
  std::string json(nlohmann::ordered_json document) const;

  /// Throws again what the caller's observer threw.
  void rethrow() const;

 private:
  template <typename Call>
  void attempt(const Call& call);

  v0::Observer& observer_;
  std::vector<Diagnostic> warnings_;
  // What the caller's observer threw stops the task first: it may have been on any thread.
  mutable std::mutex mutex_;
  mutable std::exception_ptr thrown_;
};

/// Throws what is in flight in the face's words.
[[noreturn]] void throw_outside();

/// Runs a task whose errors are the face's.
template <typename Task>
auto outside(const Task& task) {
  try {
    return task();
  } catch (...) {
    throw_outside();
  }
}

/// The same with an observer in between.
template <typename Task>
auto outside(v0::Observer& observer, const Task& task) {
  Bridge bridge(observer);
  try {
    auto result = task(bridge);
    bridge.rethrow();
    return result;
  } catch (...) {
    bridge.rethrow();
    throw_outside();
  }
}

/// One that listens to nothing: without state, so that all may share it.
v0::Observer& nobody();

/// Two spaces of indent, what is no UTF-8 replaced: as the program prints a document.
std::string text_of(const nlohmann::ordered_json& document);

std::vector<v0::TensorInfo> tensors_of(const Checkpoint& checkpoint);

}  // namespace tenon::face
