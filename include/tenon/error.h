// What can go wrong. Every function of this library throws one of these three, or std::bad_alloc:
//
//   UserError     something about the input: rules, a checkpoint, options. Carries everything that was found
//   SystemError   the system failed: disk full, permission, a file that is gone
//   Interrupted   the observer said to stop
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "tenon/version.h"

namespace tenon {
TENON_INLINE namespace v0 {
enum class Severity { kError, kWarning, kNote };

/// One thing to tell, with its place. Absent parts are empty or 0.
struct Diagnostic {
  Severity severity = Severity::kError;
  /// stable: "plan-key-lost"; explain() and docs/errors.md have each
  std::string id;
  /// the path as it was given
  std::string file;
  /// from 1
  int line = 0;
  /// from 1, in bytes
  int column = 0;
  /// of a byte in a binary file
  std::optional<std::uint64_t> offset;
  /// a tensor, a member of a JSON file, an option
  std::string key;
  /// what is wrong
  std::string message;
  /// what to do
  std::string hint;
  /// in how many places more the same is wrong
  std::size_t more = 0;
  /// all of it, as `tenon` prints it: lines with a caret
  std::string text;
};

class Error : public std::exception {
 public:
  explicit Error(std::string what) : what_(std::move(what)) {}
  ~Error() override;
  Error(const Error&) = default;
  Error& operator=(const Error&) = default;
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  std::string what_;
};

/// Exit status 2 of the program.
class UserError : public Error {
 public:
  explicit UserError(std::vector<Diagnostic> diagnostics);
  ~UserError() override;
  UserError(const UserError&) = default;
  UserError& operator=(const UserError&) = default;
  /// At least one, errors among them.
  const std::vector<Diagnostic>& diagnostics() const { return diagnostics_; }

 private:
  std::vector<Diagnostic> diagnostics_;
};

/// Exit status 3 of the program.
class SystemError : public Error {
 public:
  SystemError(std::string what, std::string id, std::string path, int error_number);
  ~SystemError() override;
  SystemError(const SystemError&) = default;
  SystemError& operator=(const SystemError&) = default;
  /// "system-disk-full", "system-permission", ...
  const std::string& id() const { return id_; }
  const std::string& path() const { return path_; }
  /// errno; 0 where there is none.
  int error_number() const { return error_number_; }

 private:
  std::string id_;
  std::string path_;
  int error_number_;
};

class Interrupted : public Error {
 public:
  Interrupted();
  ~Interrupted() override;
};

/// What an id means, an example and what to do, as `tenon explain-error ID` prints it. Throws UserError
/// where there is no such id.
std::string explain(const std::string& id);

}  // namespace v0
}  // namespace tenon
