// From argv to the action of one command.
#pragma once

#include <string_view>
#include <vector>

#include "base/diagnostics.h"
#include "cli/command.h"

namespace tenon {

/// Parses the command line by the table of options. Help and version are actions too. The action
/// throws UserError where a value is wrong or missing, with all of them; the function itself where a word is
/// nothing that the command takes.
Action parse_command_line(int argc, const char* const* argv, const std::vector<Command>& commands);

/// Where an option's or argument's value stands, for messages: "tenon convert: --to".
Place on_the_command_line(std::string_view command, std::string_view option);

}  // namespace tenon
