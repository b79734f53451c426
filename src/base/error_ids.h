// The stable names of what tenon can have against its input, and of what a system can refuse it. An id is
// written `"plan-key-lost"_id`; one that the table (base/error_table.cc) lacks stops every program that is
// linked with it at its start.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace tenon {

/// A row of the table: what `tenon explain-error ID` and docs/errors.md say.
struct ErrorEntry {
  std::string_view id;
  /// What it means, in one sentence.
  std::string_view about;
  /// A message that bears it.
  std::string_view example;
  /// What to do.
  std::string_view remedy;
};

/// All rows, grouped by the first word of their ids.
std::span<const ErrorEntry> error_table();

/// The row of an id, nullptr where there is none.
const ErrorEntry* find_error(std::string_view id);

/// An id of the table.
class ErrorId {
 public:
  explicit ErrorId(const ErrorEntry& entry) : entry_(&entry) {}
  std::string_view name() const { return entry_->id; }
  const ErrorEntry& entry() const { return *entry_; }

  friend bool operator==(const ErrorId&, const ErrorId&) = default;
  friend bool operator==(const ErrorId& a, std::string_view name) { return a.name() == name; }

 private:
  const ErrorEntry* entry_;
};

/// A literal's characters as a template argument.
template <std::size_t N>
struct FixedText {
  consteval FixedText(const char (&literal)[N]) { std::copy_n(literal, N, text); }
  constexpr std::string_view view() const { return {text, N - 1}; }
  char text[N] = {};
};

/// The id of that name. Ends the program, saying so, where the table has none.
ErrorId require_error(std::string_view id);

/// One object for each literal in the program, looked up before main() whether or not it is ever used.
template <FixedText Text>
struct KnownError {
  static inline const ErrorId id = require_error(Text.view());
};

template <FixedText Text>
const ErrorId& operator""_id() {
  return KnownError<Text>::id;
}

}  // namespace tenon
