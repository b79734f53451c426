// What tenon tells its user about mistakes in the user's input: every mistake found, each with its place.
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tenon {

enum class Severity { kError, kWarning, kNote };

/// Where in the user's input something stands. Every part but `file` may be absent.
struct Place {
  std::string file;                     // the path as the user gave it
  int line = 0;                         // 1-based, 0: unknown
  int column = 0;                       // 1-based, 0: unknown
  std::optional<std::uint64_t> offset;  // byte offset in a binary file
  std::string inside;                   // a JSON pointer, a tensor's key, a rule's name
  std::string source_line;              // the text of `line`, for the caret
};

/// "file:line:column", "file (byte 17)", "file: /weight_map/x", by what is known.
std::string to_string(const Place& place);

struct Diagnostic {
  Severity severity = Severity::kError;
  std::string id;  // stable name of the finding ("unescaped-dot"), empty where there is none
  Place place;
  std::string message;
  std::string hint;  // what to do
};

/// "file:3:7: error: message", then the source line with a caret, then the hint, as one string ending in
/// '\n'.
std::string render(const Diagnostic& diagnostic, bool colour);

/// Collects mistakes so that all of them are reported together.
class Diagnostics {
 public:
  void add(Diagnostic diagnostic) { all_.push_back(std::move(diagnostic)); }
  void error(Place place, std::string message, std::string hint = {});
  void warning(Place place, std::string message, std::string hint = {});
  void note(Place place, std::string message, std::string hint = {});

  bool has_errors() const;
  const std::vector<Diagnostic>& all() const { return all_; }

  /// Throws UserError with everything collected so far if there is an error among it.
  void throw_if_errors() const;

 private:
  std::vector<Diagnostic> all_;
};

/// The user's input is wrong (exit status 2). Carries every diagnostic that was collected.
class UserError : public std::exception {
 public:
  explicit UserError(std::vector<Diagnostic> diagnostics);
  UserError(Place place, std::string message, std::string hint = {});
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
