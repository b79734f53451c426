// What a model card has to say of a converted checkpoint, out of its manifest.
#pragma once

#include <string>

#include "checkpoint/manifest.h"

namespace tenon {

/// A section in Markdown: what was converted by which rules, how to check it and how
/// to go back. It names no path.
std::string model_card(const Manifest& manifest);

}  // namespace tenon
