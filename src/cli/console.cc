#include "cli/console.h"

#include <fmt/chrono.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <string>
#include <utility>

#include "base/text.h"
#include "checkpoint/file.h"
#include "report/diagnostics_json.h"

namespace tenon {
namespace {

bool is_terminal(std::FILE* file) {
  const char* term = std::getenv("TERM");
  return isatty(fileno(file)) && term != nullptr && std::string_view(term) != "dumb";
}

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

// NO_COLOR (no-color.org) is stronger than FORCE_COLOR and CLICOLOR_FORCE, of which 0 means no.
bool wants_colour(bool terminal) {
  if (is_set("NO_COLOR")) return false;
  for (const char* variable : {"FORCE_COLOR", "CLICOLOR_FORCE"}) {
    if (is_set(variable) && std::string_view(std::getenv(variable)) != "0") return true;
  }
  return terminal;
}

// Messages quote the user's files, which may hold anything: only line ends and tabs reach the terminal as
// they are.
std::string shown(const std::string& text) {
  std::string out;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = rest.find_first_of("\n\t");
    out += visible(rest.substr(0, end));
    if (end == std::string_view::npos) break;
    out += rest[end];
    rest.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace

Console::Console(std::FILE* results, std::FILE* messages)
    : results_(results),
      messages_(messages),
      interactive_(is_terminal(messages)),
      colour_(wants_colour(interactive_)) {}

void Console::obey(const Options& options) {
  quiet_ = options.quiet;
  json_ = options.json || options.format == "json";
  verbose_ = options.verbose;
  log_ = options.log;
  if (!log_.empty()) log(fmt::format("tenon {}\n", TENON_VERSION));
  if (quiet_) interactive_ = false;
  if (options.color != "auto") colour_ = options.color == "always";
}

void Console::result(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), results_) != text.size()) {
    throw SystemError("write", "standard output", errno);
  }
}

void Console::json_result(const nlohmann::ordered_json& document) {
  result(document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

void Console::document(nlohmann::ordered_json document) {
  document["warnings"] = warnings_json(warnings_);
  json_result(document);
}

void Console::failed(const std::vector<Diagnostic>& errors) {
  report(errors);
  if (json_) json_result(errors_json(errors));
}

void Console::message(std::string_view line) {
  const std::string text = shown(std::string(line)) + "\n";
  log(text);
  if (quiet_) return;
  std::fwrite(text.data(), 1, text.size(), messages_);
}

void Console::report(const Diagnostic& diagnostic) {
  if (diagnostic.severity != Severity::kError) warnings_.push_back(diagnostic);
  Diagnostic safe = diagnostic;
  for (std::string* field :
       {&safe.place.file, &safe.place.inside, &safe.place.source_line, &safe.message, &safe.hint}) {
    *field = shown(*field);
  }
  log(render(safe, false));
  if (quiet_ && diagnostic.severity == Severity::kNote) return;
  const std::string text = render(safe, colour_);
  std::fwrite(text.data(), 1, text.size(), messages_);
}

void Console::report(const std::vector<Diagnostic>& diagnostics) {
  for (const auto& diagnostic : diagnostics) report(diagnostic);
}

// Each line behind the time, in UTC.
void Console::log(std::string_view text) {
  if (log_.empty()) return;
  const std::string time = fmt::format("{:%Y-%m-%dT%H:%M:%SZ} ", fmt::gmtime(std::time(nullptr)));
  std::string lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    lines += time + std::string(text.substr(0, end));
    text.remove_prefix(end);
  }
  // A log that cannot be written is told once, and not in the log.
  const std::string path = std::exchange(log_, {});
  append_to_file(path, lines, false);
  log_ = path;
}

void Console::flush() {
  std::fflush(messages_);
  if (std::fflush(results_) != 0) throw SystemError("write", "standard output", errno);
}

}  // namespace tenon
