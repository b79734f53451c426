#include "cli/parse.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <deque>
#include <filesystem>
#include <map>

#include "base/text.h"
#include "cli/help.h"
#include "cli/project_file.h"
#include "report/doctor_report.h"

namespace tenon {
namespace {

// One parser and what it parsed: the texts of each option and argument, in the table's order.
struct Line {
  CLI::App* app = nullptr;
  const Command* command = nullptr;
  std::vector<std::pair<const Option*, CLI::Option*>> options;
  std::vector<std::pair<const Argument*, CLI::Option*>> arguments;
};

// Words of other programs for what tenon calls otherwise.
const std::map<std::string_view, std::string_view> kOtherPrograms = {
    {"-o", "The destination is the second argument: tenon convert SRC DST."},
    {"--output", "The destination is the second argument: tenon convert SRC DST."},
    {"-f", "--overwrite replaces a destination that is there."},
    {"--force", "--overwrite replaces a destination that is there."},
    {"-j", "--threads N says how many threads."},
    {"-n", "--dry-run, or tenon plan, shows what would be written."},
    {"ls", "tenon inspect PATH lists the tensors."},
    {"info", "tenon inspect PATH lists the tensors."},
    {"show", "tenon inspect PATH lists the tensors; tenon rules show NAME a rule file."},
    {"check", "tenon verify DIR checks a converted folder; tenon lint a rule file."},
};

std::string title_of(const Command& command) {
  return command.name.empty() ? "tenon" : "tenon " + command.name;
}

std::string help_is_at(const Command& command) {
  return fmt::format("'{} --help' shows what it takes.", title_of(command));
}

// The parsers and what stands in them.
class CommandLine {
 public:
  explicit CommandLine(const Command& root) : app_("", "tenon") { add(app_, root); }

  /// Throws UserError where CLI11 cannot tell which word is what.
  void split(int argc, const char* const* argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      refuse(error);
    }
  }

  /// The command that was named, the last of its names.
  const Line& chosen() const {
    const CLI::App* app = &app_;
    while (!app->get_subcommands().empty()) app = app->get_subcommands().back();
    return *std::find_if(lines_.begin(), lines_.end(), [&](const Line& line) { return line.app == app; });
  }

  /// Reads every option of every level, `tenon -q convert` and `tenon convert -q` alike.
  Options values(Diagnostics& diagnostics) const {
    Options options;
    for (const Line& line : lines_) {
      for (const auto& [option, parsed] : line.options) read(line, *option, *parsed, options, diagnostics);
    }
    for (const auto& [argument, parsed] : chosen().arguments) {
      for (const auto& text : parsed->results()) argument->member.read(options, text, {});
    }
    return options;
  }

  /// The names of the command's options that were given.
  std::vector<std::string> given() const {
    std::vector<std::string> names;
    for (const auto& [option, parsed] : chosen().options) {
      if (parsed->count() > 0) names.emplace_back(option->name);
    }
    return names;
  }

  /// What must be there, and what excludes each other.
  void check(Diagnostics& diagnostics) const {
    const Line& line = chosen();
    for (const auto& [argument, parsed] : line.arguments) {
      if (argument->required && parsed->count() == 0) {
        diagnostics.error("args-missing"_id, place_in(line, argument->name), "is missing",
                          fmt::format("Usage: {}", usage_of(*line.command)));
      }
    }
    for (const auto& [option, parsed] : line.options) {
      for (const auto& [other, other_parsed] : line.options) {
        if (option->excludes == other->name && parsed->count() > 0 && other_parsed->count() > 0) {
          diagnostics.error("args-malformed"_id, place_in(line, option->flag()),
                            fmt::format("does not go with {}", other->flag()), "Leave one of them out.");
        }
      }
    }
  }

 private:
  static Place place_in(const Line& line, std::string_view word) {
    return on_the_command_line(line.command->name, word);
  }

  void add(CLI::App& app, const Command& command) {
    app.set_help_flag();
    // One command is named; after it, words like those of commands are arguments: a folder may be called
    // plan.
    app.require_subcommand(0, 1);
    Line line{&app, &command, {}, {}};
    for (const Option* option : options_of(command.name.empty() ? "tenon" : command.name)) {
      std::string names = option->flag();
      if (!option->letter.empty()) names += fmt::format(",-{}", option->letter);
      auto& texts = texts_.emplace_back();
      CLI::Option* parsed = option->member.arity == Arity::kFlag
                                ? app.add_flag(names)
                                : app.add_option(names, texts)->allow_extra_args(false)->take_all();
      line.options.emplace_back(option, parsed);
    }
    for (const Argument& argument : command.arguments) {
      CLI::Option* parsed = argument.member.arity == Arity::kList
                                ? app.add_option(argument.name, texts_.emplace_back())
                                : app.add_option(argument.name, words_.emplace_back());
      line.arguments.emplace_back(&argument, parsed);
    }
    lines_.push_back(std::move(line));
    for (const Command& sub : command.commands) add(*app.add_subcommand(sub.last_name()), sub);
  }

  static void read(const Line& line, const Option& option, const CLI::Option& parsed, Options& options,
                   Diagnostics& diagnostics) {
    if (parsed.count() == 0) return;
    const auto refuse = [&](const std::string& message, const std::string& hint) {
      diagnostics.error("args-value"_id, place_in(line, option.flag()), message, hint);
    };
    if (option.member.arity == Arity::kFlag) {
      const bool alone = std::all_of(parsed.results().begin(), parsed.results().end(),
                                     [](const std::string& text) { return text == "true"; });
      if (!alone) return refuse("takes no value", "It stands alone.");
      option.read(options, option.member.on_by_default ? "false" : "true");
      return;
    }
    if (option.member.arity == Arity::kOne && parsed.count() > 1)
      return refuse(fmt::format("is given {} times", parsed.count()), "It has one value.");
    for (const auto& text : parsed.results()) {
      if (const auto mistake = option.read(options, text)) refuse(mistake->message, mistake->hint);
    }
  }

  std::vector<std::string> words_known_to(const Line& line) const {
    std::vector<std::string> words;
    for (const auto& [option, parsed] : line.options) words.push_back(option->flag());
    for (const Command& command : line.command->commands) {
      if (!command.hidden) words.push_back(command.last_name());
    }
    return words;
  }

  [[noreturn]] void refuse_unknown_word(const Line& line, const std::string& word) const {
    const bool is_option = word.starts_with("-");
    const std::string what = is_option                         ? "unknown option"
                             : !line.command->commands.empty() ? "unknown command"
                                                               : "unexpected argument";
    const std::string name = word.substr(0, word.find('='));
    const auto other = kOtherPrograms.find(name);
    std::string hint =
        other != kOtherPrograms.end() ? std::string(other->second) : did_you_mean(name, words_known_to(line));
    if (!hint.empty()) hint += ' ';
    throw UserError("args-unknown"_id, place_in(line, ""), fmt::format("{} '{}'", what, word),
                    hint + help_is_at(*line.command));
  }

  // What is left over, or an option at the end of the line without its value.
  [[noreturn]] void refuse(const CLI::ParseError& error) const {
    const Line& line = chosen();
    const auto words = app_.remaining(true);
    if (!words.empty()) refuse_unknown_word(line, words.front());
    const std::string_view said = error.what();
    for (const auto& [option, parsed] : line.options) {
      if (!said.starts_with(parsed->get_name() + ":")) continue;
      const bool is_flag = option->value.empty();
      throw UserError("args-malformed"_id, place_in(line, option->flag()),
                      is_flag ? "takes no value" : fmt::format("needs a value: {}", option->value),
                      is_flag ? "It stands alone." : help_is_at(*line.command));
    }
    throw UserError("args-malformed"_id, place_in(line, ""), "the command line cannot be understood",
                    help_is_at(*line.command));
  }

  CLI::App app_;
  std::deque<Line> lines_;
  // CLI11 wants somewhere to put what it parsed: of what may be several, and of what is one.
  std::deque<std::vector<std::string>> texts_;
  std::deque<std::string> words_;
};

Action showing(std::string text, Verdict verdict = Verdict::kHolds) {
  return [text = std::move(text), verdict](Console& console) {
    console.result(text);
    return verdict;
  };
}

std::string help_on(const Command& command, const Command& root) {
  return command.name.empty() ? help_of(root.commands) : help_of(command);
}

// `tenon help rules list`.
std::string help_by_name(const std::vector<std::string>& names, const Command& root) {
  const Command* at = &root;
  for (const auto& name : names) {
    const auto found = std::find_if(at->commands.begin(), at->commands.end(),
                                    [&](const Command& command) { return command.last_name() == name; });
    if (found == at->commands.end()) {
      std::vector<std::string> known;
      for (const Command& command : at->commands) known.push_back(command.last_name());
      throw UserError("args-unknown"_id, on_the_command_line("help", ""),
                      fmt::format("unknown command '{}'", name), did_you_mean(name, known));
    }
    at = &*found;
  }
  return help_on(*at, root);
}

// Options that the project has and the command line does not name.
void take_project(const Command& command, const std::vector<std::string>& given, Options& options,
                  Diagnostics& diagnostics, std::vector<Diagnostic>& notes) {
  std::error_code error;
  const auto here = std::filesystem::current_path(error);
  if (error) return;
  const auto file = find_project_file(here);
  if (!file) return;
  const auto used = read_project_file(*file, command.name, given, options, diagnostics);
  if (used.empty()) return;
  notes.push_back({Severity::kNote,
                   "project-options"_id,
                   {file->string(), 0, 0, {}, "", ""},
                   fmt::format("options: {}", join_some(used, used.size())),
                   ""});
}

}  // namespace

Place on_the_command_line(std::string_view command, std::string_view option) {
  Place place;
  place.file = command.empty() ? "tenon" : fmt::format("tenon {}", command);
  place.inside = option;
  return place;
}

Action parse_command_line(int argc, const char* const* argv, const std::vector<Command>& commands) {
  Command root{.name = "", .about = kAboutTenon, .commands = commands};
  root.commands.push_back({.name = "help",
                           .about = "Show the help of a command",
                           .arguments = {{"COMMAND", "Its name; none: what commands there are",
                                          member_of<&Options::names>(), Completes::kCommands, false}}});
  CommandLine line(root);
  line.split(argc, argv);
  const Command& command = *line.chosen().command;
  Diagnostics diagnostics;
  Options options = line.values(diagnostics);
  if (options.help) return showing(help_on(command, root));
  if (options.version) {
    return [](Console& console) {
      console.result(build_facts_text(installed_facts()));
      return Verdict::kHolds;
    };
  }
  line.check(diagnostics);
  std::vector<Diagnostic> notes;
  if (options.project && command.commands.empty())
    take_project(command, line.given(), options, diagnostics, notes);
  if (diagnostics.has_errors()) {
    // Told when the console knows how: --json and --color were understood.
    return [options, found = diagnostics.all()](Console& console) -> Verdict {
      console.obey(options);
      throw UserError(found);
    };
  }
  if (command.name == "help") return showing(help_by_name(options.names, root));
  if (!command.commands.empty()) return showing(help_on(command, root), Verdict::kNothingAsked);
  return [run = command.run, options, notes](Console& console) {
    console.obey(options);
    console.report(notes);
    return run(options, console);
  };
}

}  // namespace tenon
