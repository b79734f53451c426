// The commands, one file each.
#pragma once

#include <vector>

#include "cli/command.h"

namespace tenon {

Command convert_command();
Command plan_command();
Command explain_command();
Command explain_error_command();
Command inspect_command();
Command headers_command();
Command card_command();
Command doctor_command();
Command index_command();
Command diff_command();
Command merge_command();
Command verify_command();
Command parity_command();
Command batch_command();
Command lint_command();
Command rules_command();
Command man_command();
Command completions_command();
Command schema_command();
Command names_command();

/// Every command, in the order in which --help lists them.
inline std::vector<Command> all_commands() {
  return {convert_command(), plan_command(),        explain_command(), inspect_command(),
          headers_command(), index_command(),       diff_command(),    verify_command(),
          parity_command(),  merge_command(),       lint_command(),    batch_command(),
          rules_command(),   card_command(),        doctor_command(),  explain_error_command(),
          man_command(),     completions_command(), schema_command(),  names_command()};
}

}  // namespace tenon
