#include "cli/completions.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

namespace tenon {
namespace {

// Commands and groups of commands, the root first, whose name is empty.
void each_command(const Command& command, const std::function<void(const Command&)>& visit) {
  visit(command);
  for (const Command& sub : command.commands) {
    if (!sub.hidden) each_command(sub, visit);
  }
}

std::string table_name(const Command& command) {
  return command.name.empty() ? "tenon" : command.name;
}

std::string words_of(const std::vector<Command>& commands) {
  std::string out;
  for (const Command& command : commands) {
    if (!command.hidden) out += (out.empty() ? "" : " ") + command.last_name();
  }
  return out;
}

std::string flags_of(const Option& option, const char* between) {
  return option.letter.empty() ? option.flag()
                               : fmt::format("{}{}-{}", option.flag(), between, option.letter);
}

// In single quotes for any of the three shells (fish wants a backslash escaped as well, which no text has).
std::string in_quotes(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// ---- bash

std::string bash_values(Completes completes, const std::vector<std::string_view>& choices) {
  if (!choices.empty()) return fmt::format("_tenon_words '{}'", fmt::join(choices, " "));
  switch (completes) {
    case Completes::kFolder:
      return "_tenon_paths -d";
    case Completes::kFile:
    case Completes::kCheckpoint:
      return "_tenon_paths -f";
    case Completes::kRules:
      return "_tenon_names rules; _tenon_more_paths";
    case Completes::kFamilies:
      return "_tenon_names families";
    case Completes::kCommands:
      return "_tenon_words \"$commands\"";
    case Completes::kShells:
      return "_tenon_words 'bash zsh fish'";
    case Completes::kNothing:
      return ":";
  }
  return ":";
}

// Of the last argument there may be several.
std::string bash_arguments(const Command& command) {
  if (!command.commands.empty()) return fmt::format("_tenon_words '{}'", words_of(command.commands));
  std::string out = "case $place in ";
  for (std::size_t i = 0; i < command.arguments.size(); ++i) {
    const Argument& argument = command.arguments[i];
    const std::string place = argument.member.arity == Arity::kList ? "*" : std::to_string(i);
    out += fmt::format("{}) {} ;; ", place, bash_values(argument.completes, {}));
  }
  return out + "esac";
}

std::string bash_command(const Command& command) {
  std::string flags;
  std::string with_value;
  std::string values;
  for (const Option* option : options_of(table_name(command))) {
    flags += (flags.empty() ? "" : " ") + flags_of(*option, " ");
    if (option->value.empty()) continue;
    with_value += (with_value.empty() ? "" : "|") + flags_of(*option, "|");
    values += fmt::format("        {}) {} ;;\n", flags_of(*option, "|"),
                          bash_values(option->completes, option->all_choices()));
  }
  return fmt::format(
      "    '{}')\n      flags='{}' with_value='{}'\n      value() {{ case $1 in\n{}      esac; }}\n"
      "      argument() {{ {}; }} ;;\n",
      command.name, flags, with_value, values, bash_arguments(command));
}

// ---- zsh

std::string zsh_action(Completes completes, const std::vector<std::string_view>& choices) {
  if (!choices.empty()) return fmt::format("({})", fmt::join(choices, " "));
  switch (completes) {
    case Completes::kFolder:
      return "_files -/";
    case Completes::kFile:
    case Completes::kCheckpoint:
      return "_files";
    case Completes::kRules:
      return "_tenon_rule_names";
    case Completes::kFamilies:
      return "_tenon_family_names";
    case Completes::kCommands:
      return "_tenon_command_names";
    case Completes::kShells:
      return "(bash zsh fish)";
    case Completes::kNothing:
      return " ";
  }
  return " ";
}

// _arguments takes brackets and colons for its own.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_function(const Command& command) {
  std::string name = "_tenon" + (command.name.empty() ? "" : "_" + command.name);
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

std::string zsh_option(const Option& option) {
  const std::string star = option.member.arity == Arity::kList ? "*" : "";
  const std::string about = zsh_text(option.about);
  const std::string value =
      option.value.empty()
          ? ""
          : fmt::format(":{}:{}", zsh_text(option.value), zsh_action(option.completes, option.all_choices()));
  std::string out =
      "    " +
      in_quotes(fmt::format("{}{}[{}]{}", star, option.flag() + (value.empty() ? "" : "="), about, value)) +
      " \\\n";
  if (!option.letter.empty())
    out += "    " + in_quotes(fmt::format("{}-{}[{}]{}", star, option.letter, about, value)) + " \\\n";
  return out;
}

std::string zsh_command(const Command& command) {
  const bool is_group = !command.commands.empty();
  std::string out = fmt::format("{}() {{\n", zsh_function(command));
  if (is_group) {
    out += "  local context state state_descr line\n  typeset -A opt_args\n  local -a commands=(\n";
    for (const Command& sub : command.commands) {
      if (!sub.hidden)
        out += "    " + in_quotes(fmt::format("{}:{}", sub.last_name(), zsh_text(sub.about))) + "\n";
    }
    out += "  )\n";
  }
  out += "  _arguments -s -S : \\\n";
  for (const Option* option : options_of(table_name(command))) out += zsh_option(*option);
  for (const Argument& argument : command.arguments) {
    const char* place = argument.member.arity == Arity::kList ? "*:" : argument.required ? ":" : "::";
    out += "    " +
           in_quotes(
               fmt::format("{}{}:{}", place, zsh_text(argument.name), zsh_action(argument.completes, {}))) +
           " \\\n";
  }
  if (!is_group) return out + "    && return\n}\n";
  out +=
      "    '1: :->command' '*:: :->rest' && return\n  case $state in\n"
      "    command) _describe -t commands 'tenon command' commands ;;\n"
      "    rest)\n      case $line[1] in\n";
  for (const Command& sub : command.commands) {
    if (!sub.hidden) out += fmt::format("        {}) {} ;;\n", sub.last_name(), zsh_function(sub));
  }
  return out + "      esac ;;\n  esac\n}\n";
}

// ---- fish

std::string fish_values(Completes completes, const std::vector<std::string_view>& choices) {
  if (!choices.empty())
    return fmt::format(" -f -a {}", in_quotes(fmt::format("{}", fmt::join(choices, " "))));
  switch (completes) {
    case Completes::kFolder:
      return " -f -a '(__fish_complete_directories)'";
    case Completes::kFile:
    case Completes::kCheckpoint:
      return " -F";
    case Completes::kRules:
      return " -F -a '(__tenon_names rules)'";
    case Completes::kFamilies:
      return " -f -a '(__tenon_names families)'";
    case Completes::kShells:
      return " -f -a 'bash zsh fish'";
    case Completes::kCommands:
      return " -f -a '(tenon names commands 2>/dev/null)'";
    case Completes::kNothing:
      return " -f";
  }
  return "";
}

std::string fish_command(const Command& command) {
  const std::string when = fmt::format("-n '__tenon_is {}'", command.name.empty() ? "-" : command.name);
  std::string out = fmt::format("complete -c tenon {} -f\n", when);
  for (const Command& sub : command.commands) {
    if (!sub.hidden)
      out += fmt::format("complete -c tenon {} -a {} -d {}\n", when, sub.last_name(), in_quotes(sub.about));
  }
  for (const Argument& argument : command.arguments) {
    if (argument.completes != Completes::kNothing)
      out += fmt::format("complete -c tenon {}{}\n", when, fish_values(argument.completes, {}));
  }
  for (const Option* option : options_of(table_name(command))) {
    out += fmt::format("complete -c tenon {} -l {}", when, option->flag().substr(2));
    if (!option->letter.empty()) out += fmt::format(" -s {}", option->letter);
    if (!option->value.empty()) out += " -r" + fish_values(option->completes, option->all_choices());
    out += fmt::format(" -d {}\n", in_quotes(option->about));
  }
  return out;
}

// What names a command, among its words: groups have two.
std::string groups_of(const std::vector<Command>& commands) {
  std::vector<std::string> groups;
  for (const Command& command : commands) {
    if (!command.commands.empty()) groups.push_back(command.name);
  }
  return fmt::format("{}", fmt::join(groups, " "));
}

Command root_of(const std::vector<Command>& commands) {
  return {.name = "", .about = "", .commands = commands};
}

}  // namespace

std::string bash_completions(const std::vector<Command>& commands) {
  std::string cases;
  each_command(root_of(commands), [&](const Command& command) { cases += bash_command(command); });
  return R"sh(# bash completion for tenon, made by `tenon completions bash`.

_tenon_words() { COMPREPLY=($(compgen -W "$1" -- "$word")); }
_tenon_paths() { compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen "$1" -- "$word")); }
_tenon_names() { _tenon_words "$("$program" names "$1" 2>/dev/null)"; }
_tenon_more_paths() {
  [ ${#COMPREPLY[@]} -eq 0 ] || return 0
  _tenon_paths -f
}

# Sets what the command has: flags, those of them with a value, and what completes values and arguments.
_tenon_command() {
  case $1 in
)sh" + cases +
         R"sh(    *) return 1 ;;
  esac
}

_tenon() {
  local IFS=$' \t\n' program=$1 word=${COMP_WORDS[COMP_CWORD]} before='' command='' place=0 i
  local flags with_value
  local commands=')sh" +
         words_of(commands) + "'\n  local groups=' " + groups_of(commands) + R"sh( '
  COMPREPLY=()
  _tenon_command ''
  for ((i = 1; i < COMP_CWORD; i++)); do
    before=${COMP_WORDS[i]}
    case $before in
      -*)
        if [[ "|$with_value|" == *"|$before|"* ]]; then
          i=$((i + 1))
          if [ "${COMP_WORDS[i]}" = = ]; then i=$((i + 1)); fi
        fi ;;
      *)
        if [ -z "$command" ] || [[ $groups == *" $command "* ]]; then
          command=${command:+$command }$before
          _tenon_command "$command" || return 0
        else
          place=$((place + 1))
        fi ;;
    esac
  done
  # Bash cuts --to=fused into three words.
  before=${COMP_WORDS[COMP_CWORD - 1]}
  if [ "$before" = = ]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi
  if [ "$word" = = ]; then word=''; fi
  if [[ $before == -* && "|$with_value|" == *"|$before|"* ]]; then
    value "$before"
  elif [[ $word == -* ]]; then
    _tenon_words "$flags"
  else
    argument
  fi
}

complete -F _tenon tenon
)sh";
}

std::string zsh_completions(const std::vector<Command>& commands) {
  std::string functions;
  each_command(root_of(commands), [&](const Command& command) { functions += zsh_command(command) + "\n"; });
  return R"sh(#compdef tenon
# zsh completion for tenon, made by `tenon completions zsh`.

_tenon_family_names() { compadd -- ${(f)"$(_call_program names tenon names families 2>/dev/null)"} }
_tenon_rule_names() { compadd -- ${(f)"$(_call_program names tenon names rules 2>/dev/null)"}; _files }
_tenon_command_names() { compadd -- )sh" +
         words_of(commands) + " }\n\n" + functions +
         "if [ \"$funcstack[1]\" = _tenon ]; then _tenon \"$@\"; else compdef _tenon tenon; fi\n";
}

std::string fish_completions(const std::vector<Command>& commands) {
  std::string lines;
  each_command(root_of(commands), [&](const Command& command) { lines += fish_command(command); });
  return R"sh(# fish completion for tenon, made by `tenon completions fish`.

function __tenon_names
    tenon names $argv[1] 2>/dev/null
end

# Is the command on the line this one? `-` is none.
function __tenon_is
    set -l words (commandline -opc)
    set -l command
    for word in $words[2..-1]
        string match -q -- '-*' $word; and continue
        test (count $command) -gt 0; and not contains -- "$command" )sh" +
         groups_of(commands) + R"sh(; and break
        set -a command $word
    end
    test (count $command) -gt 0; or set command -
    test "$command" = "$argv"
end

)sh" + lines;
}

}  // namespace tenon
