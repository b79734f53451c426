// The last step: the finished output becomes the destination.
#pragma once

#include <filesystem>

#include "base/diagnostics.h"

namespace tenon {

/// Renames `output` to `destination`, which is absent or empty, or swaps the two, `output` then being the
/// former destination. Where the file system cannot swap, the former destination goes to `aside` first and
/// comes back should the second step fail; where it cannot rename folders, files move one by one, the
/// manifest last. Fall-backs are noted. Throws SystemError; the destination is then as it was.
void publish(const std::filesystem::path& output, const std::filesystem::path& destination,
             const std::filesystem::path& aside, Diagnostics& notes);

}  // namespace tenon
