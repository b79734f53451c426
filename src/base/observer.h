// Whoever asked for a task, while it runs: is told of what it should know and of how far the task is, and may
// stop it. The one way in which tenon's library talks before it returns; it knows no terminal.
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostics.h"

namespace tenon {

/// The task was asked to stop and did. Thrown by Observer::throw_if_stopped() alone.
class Interrupted : public std::exception {
 public:
  const char* what() const noexcept override { return "interrupted"; }
};

/// One that listens to nothing and never stops; derive from it to do either.
class Observer {
 public:
  Observer() = default;
  virtual ~Observer() = default;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

  /// A warning or a note. Never concurrently.
  virtual void note(const Diagnostic& /*diagnostic*/) {}

  /// How much of a stage ("converting", "hashing") is done, mostly in bytes; the last call of a stage that
  /// comes to its end has `done` equal to `total`. From any thread, never concurrently.
  virtual void progress(std::string_view /*stage*/, std::uint64_t /*done*/, std::uint64_t /*total*/) {}

  /// Should the task stop? Asked within every half megabyte and while the disk is waited for, from any
  /// thread.
  virtual bool stopped() const { return false; }

  /// Throws Interrupted where stopped(). What a task has finished by then stays as it promises.
  void throw_if_stopped() const;

  /// A note about no place in particular; several diagnostics in their order.
  void note(ErrorId id, std::string message);
  void note(const std::vector<Diagnostic>& diagnostics);
};

/// For work that nobody watches.
Observer& nobody();

}  // namespace tenon
