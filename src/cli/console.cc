#include "cli/console.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "base/text.h"

namespace tenon {
namespace {

bool is_terminal(std::FILE* file) {
  const char* term = std::getenv("TERM");
  return isatty(fileno(file)) && term != nullptr && std::string_view(term) != "dumb";
}

bool colour_refused() {
  const char* no_color = std::getenv("NO_COLOR");
  return no_color != nullptr && *no_color != '\0';
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
      colour_(interactive_ && !colour_refused()) {}

void Console::result(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), results_) != text.size()) {
    throw SystemError("write", "standard output", errno);
  }
}

void Console::json_result(const nlohmann::ordered_json& document) {
  result(document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

void Console::message(std::string_view line) {
  const std::string text = shown(std::string(line)) + "\n";
  std::fwrite(text.data(), 1, text.size(), messages_);
}

void Console::report(const Diagnostic& diagnostic) {
  Diagnostic safe = diagnostic;
  for (std::string* field :
       {&safe.place.file, &safe.place.inside, &safe.place.source_line, &safe.message, &safe.hint}) {
    *field = shown(*field);
  }
  const std::string text = render(safe, colour_);
  std::fwrite(text.data(), 1, text.size(), messages_);
}

void Console::report(const std::vector<Diagnostic>& diagnostics) {
  for (const auto& diagnostic : diagnostics) report(diagnostic);
}

void Console::flush() {
  std::fflush(messages_);
  if (std::fflush(results_) != 0) throw SystemError("write", "standard output", errno);
}

}  // namespace tenon
