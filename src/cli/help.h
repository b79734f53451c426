// What --help shows, from the table of options.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace tenon {

/// One line on the program.
inline constexpr const char* kAboutTenon =
    "Takes model checkpoints from their publisher's original layout to the fused layout of an optimised "
    "model, "
    "and back, and proves that nothing changed.";

/// "tenon convert [OPTIONS] SRC DST".
std::string usage_of(const Command& command);

/// "-q, --quiet" or "--to LAYOUT".
std::string spelling_of(const Option& option);

/// The options of a command by group, in the table's order of groups; none that is empty.
std::vector<std::pair<Group, std::vector<const Option*>>> grouped_options(const Command& command);

/// Of a command, or of a group of commands.
std::string help_of(const Command& command);

/// Of the program: its commands.
std::string help_of(const std::vector<Command>& commands);

}  // namespace tenon
