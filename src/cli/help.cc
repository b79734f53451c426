#include "cli/help.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace tenon {
namespace {

constexpr std::size_t kWidth = 100;

// "  NAME      about", the about wrapped; where the name is too long for its column, below it.
std::string entry(const std::string& name, std::string_view about, std::size_t column) {
  std::string out = "  " + name;
  if (out.size() + 2 > column) {
    out += "\n" + std::string(column, ' ');
  } else {
    out.resize(column, ' ');
  }
  std::size_t width = column;
  while (!about.empty()) {
    const std::size_t end = std::min(about.find(' '), about.size());
    if (width > column && width + 1 + end > kWidth) {
      out += "\n" + std::string(column, ' ');
      width = column;
    } else if (width > column) {
      out += ' ';
      ++width;
    }
    out += about.substr(0, end);
    width += end;
    about.remove_prefix(std::min(end + 1, about.size()));
  }
  return out + "\n";
}

std::string wrapped(std::string_view text) {
  std::string out = entry("", text, 0);
  return out.substr(2);
}

std::string list_of(const std::vector<Command>& commands) {
  std::size_t longest = 0;
  for (const Command& command : commands) longest = std::max(longest, command.last_name().size());
  std::string out;
  for (const Command& command : commands) {
    if (!command.hidden) out += entry(command.last_name(), command.about, longest + 5);
  }
  return out;
}

std::string options_text(const Command& command) {
  std::string out;
  for (const auto& [group, options] : grouped_options(command)) {
    out += fmt::format("\n{}:\n", name_of(group));
    for (const Option* option : options) {
      // Those without a letter stand below those with one.
      const std::string indent = option->letter.empty() ? "    " : "";
      out += entry(indent + spelling_of(*option), option->about, 32);
    }
  }
  return out;
}

}  // namespace

std::string usage_of(const Command& command) {
  std::string out = command.name.empty() ? "tenon" : "tenon " + command.name;
  if (!command.commands.empty()) return out + " COMMAND";
  out += " [OPTIONS]";
  for (const Argument& argument : command.arguments) {
    const std::string name = argument.member.arity == Arity::kList ? argument.name + "..." : argument.name;
    out += argument.required ? " " + name : fmt::format(" [{}]", name);
  }
  return out;
}

std::string spelling_of(const Option& option) {
  std::string out = option.letter.empty() ? "" : fmt::format("-{}, ", option.letter);
  out += option.flag();
  return option.value.empty() ? out : fmt::format("{} {}", out, option.value);
}

std::vector<std::pair<Group, std::vector<const Option*>>> grouped_options(const Command& command) {
  std::vector<std::pair<Group, std::vector<const Option*>>> groups;
  for (const Group group : {Group::kRules, Group::kOutput, Group::kChecks, Group::kSafety, Group::kRunning,
                            Group::kReport, Group::kGeneral}) {
    std::vector<const Option*> those;
    for (const Option* option : options_of(command.name.empty() ? "tenon" : command.name)) {
      if (option->group == group) those.push_back(option);
    }
    if (!those.empty()) groups.emplace_back(group, std::move(those));
  }
  return groups;
}

std::string help_of(const Command& command) {
  std::string out = fmt::format("{}\n\nUsage: {}\n", command.about, usage_of(command));
  if (!command.commands.empty()) out += "\nCommands:\n" + list_of(command.commands);
  if (!command.arguments.empty()) out += "\nArguments:\n";
  for (const Argument& argument : command.arguments) out += entry(argument.name, argument.about, 32);
  out += options_text(command);
  if (!command.examples.empty()) out += "\nExamples:\n" + command.examples + "\n";
  return out;
}

std::string help_of(const std::vector<Command>& commands) {
  return fmt::format(
      "{}\n\nUsage: tenon COMMAND [OPTIONS] ...\n\nCommands:\n{}{}\n{}", wrapped(kAboutTenon),
      list_of(commands), options_text({.name = "", .about = ""}),
      "Exit status: 0 done, all checks hold; 1 a check found something; 2 the input is wrong; 3 the system "
      "failed.\n'tenon COMMAND --help' shows a command's options and examples.\n");
}

}  // namespace tenon
