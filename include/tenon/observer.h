// Whoever asked for a task, while it runs. The library prints nothing; this is its one way of talking before
// it returns.
#pragma once

#include <cstdint>
#include <string_view>

#include "tenon/error.h"

namespace tenon {
TENON_INLINE namespace v0 {
/// One that listens to nothing and never stops; derive from it to do either.
class Observer {
 public:
  Observer() = default;
  virtual ~Observer();
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

  /// A warning or a note. Never concurrently.
  virtual void note(const Diagnostic& diagnostic);

  /// How much of a stage ("converting", "verifying") is done, mostly in bytes; the last call of a stage
  /// that comes to its end has `done` equal to `total`. From any thread, never concurrently. What it throws
  /// comes out of the task, which stops and leaves nothing half done.
  virtual void progress(std::string_view stage, std::uint64_t done, std::uint64_t total);

  /// Should the task stop? Asked within every half megabyte, from any thread. The task then throws
  /// Interrupted, and the destination is as it was.
  virtual bool stopped() const;
};

}  // namespace v0
}  // namespace tenon
