#include "cli/parse.h"

#include <fmt/format.h>

#include <map>
#include <memory>

#include "base/text.h"

namespace tenon {
namespace {

constexpr const char* kAbout =
    "Takes model checkpoints from their publisher's original layout to the fused layout of an optimised "
    "model, "
    "and back, and proves that nothing changed.";

constexpr const char* kFooter =
    R"(Exit status: 0 done, all checks hold; 1 a check found something; 2 the input is wrong; 3 the system failed.
'tenon COMMAND --help' shows a command's options and examples.)";

const CLI::App& innermost(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? app : innermost(*chosen.back());
}

std::string full_name(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name() : full_name(*app.get_parent()) + " " + app.get_name();
}

std::vector<std::string> words_known_to(const CLI::App& app) {
  std::vector<std::string> words;
  for (const CLI::Option* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) words.push_back("--" + name);
  }
  for (const CLI::App* command : app.get_subcommands({})) words.push_back(command->get_name());
  return words;
}

Place on_the_command_line(const CLI::App& app) {
  return {full_name(app), 0, 0, {}, "", ""};
}

std::string help_is_at(const CLI::App& app) {
  return fmt::format("'{} --help' shows what it takes.", full_name(app));
}

[[noreturn]] void refuse_unknown_word(const CLI::App& app, const std::string& word) {
  const auto known = words_known_to(app);
  const bool is_option = word.starts_with("-");
  const bool is_command = !is_option && !app.get_subcommands({}).empty();
  const std::string what = is_option    ? "unknown option"
                           : is_command ? "unknown command"
                                        : "unexpected argument";
  const std::string guess = did_you_mean(word.substr(0, word.find('=')), known);
  throw UserError(on_the_command_line(app), fmt::format("{} '{}'", what, word),
                  guess.empty() ? help_is_at(app) : guess + " " + help_is_at(app));
}

[[noreturn]] void refuse(const CLI::App& root, const CLI::ParseError& error) {
  const CLI::App& app = innermost(root);
  const auto words = root.remaining(true);
  if (!words.empty()) refuse_unknown_word(app, words.front());
  throw UserError(on_the_command_line(app), error.what(), help_is_at(app));
}

}  // namespace

Action parse_command_line(int argc, const char* const* argv, const std::vector<Command>& commands) {
  CLI::App app(kAbout, "tenon");
  app.set_version_flag("--version", "tenon " TENON_VERSION);
  app.set_help_flag("-h,--help", "Show this help");
  app.footer(kFooter);
  std::map<const CLI::App*, Action> actions;
  for (const Command& command : commands) {
    CLI::App* sub = app.add_subcommand(command.name, command.about);
    sub->footer(command.examples);
    sub->get_formatter()->column_width(30);
    actions[sub] = command.declare(*sub);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return [text = app.help()](Console& console) {
      console.result(text);
      return Verdict::kHolds;
    };
  } catch (const CLI::CallForVersion& version) {
    return [text = std::string(version.what()) + "\n"](Console& console) {
      console.result(text);
      return Verdict::kHolds;
    };
  } catch (const CLI::ParseError& error) {
    refuse(app, error);
  }
  const auto chosen = app.get_subcommands();
  if (chosen.empty()) {
    std::vector<std::string> names;
    for (const Command& command : commands) names.push_back(command.name);
    throw UserError({}, "which command? " + join_some(names, names.size()), help_is_at(app));
  }
  return actions.at(chosen.front());
}

}  // namespace tenon
