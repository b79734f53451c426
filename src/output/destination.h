// Whether a conversion may write where the user says.
#pragma once

#include <filesystem>

#include "checkpoint/checkpoint.h"

namespace tenon {

/// The folder to make, links resolved; folders above it that are absent are made. Throws UserError where it
/// is the source, lies in it or holds it.
std::filesystem::path resolve_destination(const std::filesystem::path& given, const Checkpoint& source);

/// Throws UserError where something stands there that may not be replaced: without `overwrite` anything but
/// an empty folder, with it anything that is not a checkpoint's folder.
void require_free(const std::filesystem::path& destination, bool overwrite);

/// Is there a folder with something in it?
bool is_occupied(const std::filesystem::path& destination);

}  // namespace tenon
