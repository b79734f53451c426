// The last step: the finished output becomes the destination.
#pragma once

#include <filesystem>

#include "base/diagnostics.h"
#include "output/work_folder.h"

namespace tenon {

/// Renames the output to `destination`, which is absent or empty, or swaps the two, the output then being the
/// former destination. Where the file system cannot swap, the former destination goes to work.old() first and
/// comes back should the second step fail; where it cannot rename folders, files move one by one, the
/// manifest last. Fall-backs are noted. Throws SystemError; the destination is then as it was.
void publish(const WorkFolder& work, const std::filesystem::path& destination, Diagnostics& notes);

}  // namespace tenon
