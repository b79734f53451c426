#include "cli/command_text.h"

namespace tenon {
namespace {

std::string quoted(const std::string& word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./,:=+@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace

std::string command_text(std::string_view command, const std::vector<std::string>& arguments,
                         const Options& options) {
  std::string out = "tenon " + std::string(command);
  for (const std::string& argument : arguments) {
    if (!argument.empty()) out += " " + quoted(argument);
  }
  for (const Option* option : options_of(command)) {
    if (option->member.is_default(options)) continue;
    if (option->member.arity == Arity::kFlag) {
      out += " " + option->flag();
      continue;
    }
    for (const std::string& text : option->member.texts(options))
      out += " " + option->flag() + " " + quoted(text);
  }
  return out;
}

}  // namespace tenon
