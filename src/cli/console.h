// Where a command's words go: results to standard output, everything else to standard error.
#pragma once

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/diagnostics.h"
#include "options/options.h"

namespace tenon {

class Console {
 public:
  /// Progress only where `messages` is a terminal; colour there too, unless NO_COLOR is set, or wherever
  /// FORCE_COLOR is.
  Console(std::FILE* results, std::FILE* messages);

  /// Takes --color, --quiet, --verbose, --log and --json. Throws SystemError where the log cannot be written.
  void obey(const Options& options);

  /// Part of the command's result. Throws SystemError where it cannot be written.
  void result(std::string_view text);
  void json_result(const nlohmann::ordered_json& document);
  /// The same with `warnings`: those that were reported so far.
  void document(nlohmann::ordered_json document);

  /// Why there is no result. With --json that is a document on standard output as well.
  void failed(const std::vector<Diagnostic>& errors);

  /// A line for the person at the terminal: nothing that --quiet shows.
  void message(std::string_view line);
  void report(const Diagnostic& diagnostic);
  void report(const std::vector<Diagnostic>& diagnostics);

  /// Pushes out what is buffered. Throws SystemError where standard output cannot be written.
  void flush();

  std::FILE* messages() const { return messages_; }
  bool colour() const { return colour_; }
  bool interactive() const { return interactive_; }
  /// --json: the command's result is one document.
  bool json() const { return json_; }
  /// --verbose.
  bool verbose() const { return verbose_; }

  /// Errors before obey() are a document too: the command line asks for one.
  void expect_json() { json_ = true; }

 private:
  std::FILE* results_;
  std::FILE* messages_;
  bool interactive_;
  bool colour_;
  void log(std::string_view text);

  bool quiet_ = false;
  bool verbose_ = false;
  std::string log_;
  bool json_ = false;
  std::vector<Diagnostic> warnings_;
};

}  // namespace tenon
