// Where a command's words go: results to standard output, everything else to standard error.
#pragma once

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/diagnostics.h"

namespace tenon {

class Console {
 public:
  /// Colour and progress only where `messages` is a terminal; colour only where NO_COLOR is unset.
  Console(std::FILE* results, std::FILE* messages);

  /// Part of the command's result. Throws SystemError where it cannot be written.
  void result(std::string_view text);
  void json_result(const nlohmann::ordered_json& document);

  /// A line for the person at the terminal.
  void message(std::string_view line);
  void report(const Diagnostic& diagnostic);
  void report(const std::vector<Diagnostic>& diagnostics);

  /// Pushes out what is buffered. Throws SystemError where standard output cannot be written.
  void flush();

  std::FILE* messages() const { return messages_; }
  bool colour() const { return colour_; }
  bool interactive() const { return interactive_; }

 private:
  std::FILE* results_;
  std::FILE* messages_;
  bool interactive_;
  bool colour_;
};

}  // namespace tenon
