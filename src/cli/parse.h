// From argv to the action of one command.
#pragma once

#include <vector>

#include "cli/command.h"

namespace tenon {

/// Parses the command line. `--help` and `--version` are actions too. Throws UserError that says what is
/// wrong with it and where its help is.
Action parse_command_line(int argc, const char* const* argv, const std::vector<Command>& commands);

}  // namespace tenon
