// A command of the program: what it is called, how it is used, and what it does with its options.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/console.h"
#include "options/options.h"

namespace tenon {

/// What a command that ran to its end has to say; main turns it into the exit status.
enum class Verdict {
  // Done, and every check holds.
  kHolds,
  // A check found something.
  kFound,
  // Nothing was asked for: the help was shown instead.
  kNothingAsked,
};

/// Runs the command with what was parsed. Throws UserError, SystemError, Interrupted.
using Action = std::function<Verdict(Console&)>;

/// A value that is given by its place.
struct Argument {
  // As help shows it: "SRC".
  std::string name;
  std::string about;
  Member member;
  Completes completes = Completes::kNothing;
  bool required = true;
};

/// A command, or a group of them: then `commands` are what it has, and `run` is empty.
struct Command {
  // In full: "convert", "rules list".
  std::string name;
  // One line.
  std::string about;
  // Three to five real ones, as --help shows them.
  std::string examples = {};
  std::vector<Argument> arguments = {};
  std::function<Verdict(const Options&, Console&)> run = {};
  std::vector<Command> commands = {};
  // Left out of help: for other programs.
  bool hidden = false;

  /// "list" of "rules list".
  std::string last_name() const { return name.substr(name.rfind(' ') + 1); }
};

}  // namespace tenon
