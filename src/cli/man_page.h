// Manual pages in roff, from the table of options.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace tenon {

/// tenon(1): what the program is and which commands it has.
std::string man_page(const std::vector<Command>& commands);

/// tenon-convert(1), tenon-rules-list(1): everything on one command.
std::string man_page(const Command& command);

}  // namespace tenon
