// What tenon tells its user about mistakes in the user's input: every mistake found, each with its place.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error_ids.h"

namespace tenon {

enum class Severity { kError, kWarning, kNote };

/// Where in the user's input something stands. Every part but `file` may be absent.
struct Place {
  /// the path as the user gave it
  std::string file;
  /// 1-based, 0: unknown
  int line = 0;
  /// 1-based, 0: unknown
  int column = 0;
  /// byte offset in a binary file
  std::optional<std::uint64_t> offset;
  /// a JSON pointer, a tensor's key, a rule's name
  std::string inside;
  /// the text of `line`, for the caret
  std::string source_line;
};

/// "file:line:column", "file (byte 17)", "file: /weight_map/x", by what is known.
std::string to_string(const Place& place);

/// Where else the same thing is wrong.
struct Repeats {
  std::size_t count = 0;
  std::string first;
  std::string last;
};

struct Diagnostic {
  Severity severity;
  ErrorId id;
  Place place;
  std::string message;
  /// What to do.
  std::string hint;
  Repeats more = {};
  /// Of a rule that met what stands at `place`, which is the checkpoint's then.
  Place rule = {};
};

/// "file:3:7: error[plan-key-lost]: message", then the source line with a caret, then the hint, as one string
/// ending in
/// '\n'.
std::string render(const Diagnostic& diagnostic, bool colour);

/// Collects mistakes so that all of them are reported together.
class Diagnostics {
 public:
  void add(Diagnostic diagnostic) { all_.push_back(std::move(diagnostic)); }
  void error(ErrorId id, Place place, std::string message, std::string hint = {});
  void warning(ErrorId id, Place place, std::string message, std::string hint = {});
  void note(ErrorId id, Place place, std::string message, std::string hint = {});

  /// One cause, one message: the first of an id and a cause is added, those after it are counted in it by
  /// their file and what is inside it.
  void add_once(std::string_view cause, Diagnostic diagnostic);
  /// Counts `here` in the one of this id and cause, if it is there. For messages that are dear to make.
  bool is_repeat(ErrorId id, std::string_view cause, const std::string& here);

  bool has_errors() const;
  const std::vector<Diagnostic>& all() const { return all_; }

  /// Throws UserError with everything collected so far if there is an error among it.
  void throw_if_errors() const;

 private:
  std::vector<Diagnostic> all_;
  /// (id, cause) to the index in all_.
  std::map<std::pair<std::string_view, std::string>, std::size_t, std::less<>> by_cause_;
};

/// The user's input is wrong (exit status 2). Carries every diagnostic that was collected.
class UserError : public std::exception {
 public:
  explicit UserError(std::vector<Diagnostic> diagnostics);
  UserError(ErrorId id, Place place, std::string message, std::string hint = {});
  const std::vector<Diagnostic>& diagnostics() const { return diagnostics_; }
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  std::vector<Diagnostic> diagnostics_;
  std::string what_;
};

/// The system failed (exit status 3): disk full, I/O error, permission.
class SystemError : public std::exception {
 public:
  /// `action` reads as in "cannot ACTION PATH: strerror".
  SystemError(std::string_view action, std::string_view path, int error_number, std::string_view hint = {});
  /// By the error number, which is what a user has to act upon: `system-disk-full`, `system-permission`, ...
  ErrorId id() const;
  int error_number() const { return error_number_; }
  const std::string& path() const { return path_; }
  const char* what() const noexcept override { return what_.c_str(); }

  /// The same with another hint.
  SystemError with_hint(std::string_view hint) const;

 private:
  int error_number_;
  std::string path_;
  std::string what_;
};

}  // namespace tenon
