// What somebody would type to ask for the same again.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "options/options.h"

namespace tenon {

/// "tenon parity moe fused --seed 7": the arguments that are not empty, and the command's options that are
/// not as by default; quoted for a shell where that is needed.
std::string command_text(std::string_view command, const std::vector<std::string>& arguments,
                         const Options& options);

}  // namespace tenon
