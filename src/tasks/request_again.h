// The conversion that a manifest records, asked for once more: to verify it, or to compare what it computes.
#pragma once

#include "checkpoint/manifest.h"
#include "options/options.h"

namespace tenon {

/// `given` with all that the manifest knows and the user did not name: layout, options and, of a manifest
/// that keeps no rules, their names.
Options options_again(const Manifest& manifest, const Options& given);

/// The manifest where its own rules are to be used: the user names none, and it keeps them. Else nullptr.
const Manifest* manifest_again(const Manifest& manifest, const Options& given);

}  // namespace tenon
