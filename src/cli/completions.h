// Completion scripts for shells, from the table of options.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace tenon {

std::string bash_completions(const std::vector<Command>& commands);
std::string zsh_completions(const std::vector<Command>& commands);
std::string fish_completions(const std::vector<Command>& commands);

}  // namespace tenon
