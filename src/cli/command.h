// A command of the program: what it is called, how it is used, and what it does with its flags.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "cli/console.h"

namespace tenon {

/// What a command that ran to its end has to say; main turns it into the exit status.
enum class Verdict {
  kHolds,  // done, and every check holds
  kFound,  // a check found something
};

/// Runs the command with the flags that were parsed. Throws UserError, SystemError, Interrupted.
using Action = std::function<Verdict(Console&)>;

struct Command {
  std::string name;
  std::string about;     // one line
  std::string examples;  // three to five real ones, shown at the end of --help

  /// Adds the command's flags to its parser, and says what to do once they are parsed.
  std::function<Action(CLI::App&)> declare;
};

}  // namespace tenon
