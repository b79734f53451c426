// What of the options a conversion records, and takes up again later.
#pragma once

#include <map>
#include <string>

#include "options/options.h"

namespace tenon {

/// Those that change what is written, spelled as flags: "--hash" -> "xxh3"; a list joined by commas.
std::map<std::string, std::string> options_for_journal(const Options& options);

/// The plan of `recorded` once more: what a manifest recorded, where `options` do not say otherwise. Every
/// permission is granted: what was done needs none.
void take_recorded(const Options& recorded, Options& options);

}  // namespace tenon
