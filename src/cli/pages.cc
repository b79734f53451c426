// What the program says of itself for other programs: manual pages, completions, names.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/completions.h"
#include "cli/man_page.h"
#include "cli/parse.h"
#include "report/schemas.h"
#include "rules/library.h"

namespace tenon {
namespace {

// `tenon man rules list`, as `tenon man rules-list` too: the page's name.
const Command& command_named(const std::vector<std::string>& words, const std::vector<Command>& commands) {
  std::string name = fmt::format("{}", fmt::join(words, " "));
  std::vector<std::string> known;
  for (const Command& command : commands) {
    for (const Command& sub : command.commands) {
      if (sub.name == name) return sub;
    }
    if (command.name == name) return command;
    known.push_back(command.name);
  }
  throw UserError("args-unknown"_id, on_the_command_line("man", ""),
                  fmt::format("unknown command '{}'", name), did_you_mean(name, known));
}

Verdict man(const Options& options, Console& console) {
  const auto commands = all_commands();
  console.result(options.names.empty() ? man_page(commands)
                                       : man_page(command_named(options.names, commands)));
  return Verdict::kHolds;
}

Verdict completions(const Options& options, Console& console) {
  const auto commands = all_commands();
  if (options.key == "bash") {
    console.result(bash_completions(commands));
  } else if (options.key == "zsh") {
    console.result(zsh_completions(commands));
  } else if (options.key == "fish") {
    console.result(fish_completions(commands));
  } else {
    throw UserError("args-value"_id, on_the_command_line("completions", "SHELL"),
                    fmt::format("there are no completions for '{}'", options.key),
                    "There are some for bash, zsh and fish.");
  }
  return Verdict::kHolds;
}

// `tenon schema rules list`.
Verdict schema(const Options& options, Console& console) {
  if (options.names.empty()) {
    console.result(schemas_page());
    return Verdict::kHolds;
  }
  const std::string name = fmt::format("{}", fmt::join(options.names, " "));
  std::vector<std::string> known;
  for (const auto& [command, schema] : document_schemas()) {
    if (command == name) {
      console.json_result(schema);
      return Verdict::kHolds;
    }
    known.emplace_back(command);
  }
  throw UserError("args-value"_id, on_the_command_line("schema", "COMMAND"),
                  fmt::format("there is no schema of '{}'", name),
                  fmt::format("There are those of {}.", join_some(known, known.size())));
}

// One a line, for completions.
Verdict names(const Options& options, Console& console) {
  if (options.key == "commands") {
    for (const Command& command : all_commands()) {
      if (command.hidden) continue;
      console.result(command.name + "\n");
      for (const Command& sub : command.commands) console.result(sub.name + "\n");
    }
    return Verdict::kHolds;
  }
  const Library library = Library::standard();
  if (options.key != "rules" && options.key != "families") {
    throw UserError("args-value"_id, on_the_command_line("names", "KIND"),
                    fmt::format("'{}' has no names", options.key), "rules, families or commands.");
  }
  for (const auto& file : options.key == "rules" ? library.models() : library.families())
    console.result(file.name + "\n");
  return Verdict::kHolds;
}

}  // namespace

Command man_command() {
  return {.name = "man",
          .about = "Print a manual page, in roff",
          .examples = R"(  tenon man | man -l -                        the program's page
  tenon man convert | man -l -                a command's
  tenon man rules list > tenon-rules-list.1   to install)",
          .arguments = {{"COMMAND", "Its name; none: the program", member_of<&Options::names>(),
                         Completes::kCommands, false}},
          .run = man};
}

Command completions_command() {
  return {.name = "completions",
          .about = "Print a completion script for bash, zsh or fish",
          .examples = R"(  tenon completions bash > ~/.local/share/bash-completion/completions/tenon
  tenon completions zsh > ~/.zfunc/_tenon     where ~/.zfunc is in fpath
  tenon completions fish > ~/.config/fish/completions/tenon.fish)",
          .arguments = {{"SHELL", "bash, zsh or fish", member_of<&Options::key>(), Completes::kShells}},
          .run = completions};
}

Command schema_command() {
  return {.name = "schema",
          .about = "Print the JSON Schema of what a command prints with --json",
          .examples = R"(  tenon schema plan > plan.schema.json        draft 2020-12
  tenon schema rules list
  tenon schema errors                         what every command prints instead where it fails
  tenon schema                                all of them as a page, docs/json.md)",
          .arguments = {{"COMMAND", "Its name; none: a page on all", member_of<&Options::names>(),
                         Completes::kCommands, false}},
          .run = schema};
}

Command names_command() {
  return {.name = "names",
          .about = "Names of the rule library, one a line, for completions",
          .arguments = {{"KIND", "rules, families or commands", member_of<&Options::key>()}},
          .run = names,
          .hidden = true};
}

}  // namespace tenon
