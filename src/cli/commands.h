// The commands, one file each.
#pragma once

#include <vector>

#include "cli/command.h"

namespace tenon {

Command convert_command();
Command plan_command();
Command explain_command();
Command inspect_command();
Command diff_command();
Command verify_command();
Command parity_command();
Command batch_command();
Command lint_command();
Command rules_command();

/// Every command, in the order in which --help lists them.
inline std::vector<Command> all_commands() {
  return {convert_command(), plan_command(),   explain_command(), inspect_command(), diff_command(),
          verify_command(),  parity_command(), lint_command(),    batch_command(),   rules_command()};
}

}  // namespace tenon
