// The commands, one file each.
#pragma once

#include <vector>

#include "cli/command.h"

namespace tenon {

Command plan_command();
Command explain_command();
Command inspect_command();
Command rules_command();

/// Every command, in the order in which --help lists them.
inline std::vector<Command> all_commands() {
  return {plan_command(), explain_command(), inspect_command(), rules_command()};
}

}  // namespace tenon
