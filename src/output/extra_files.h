// What lies in a folder that is about to be replaced, and that no conversion put there.
#pragma once

#include <filesystem>
#include <vector>

namespace tenon {

/// Files of the checkpoint's folder `old`, relative to it and sorted, that neither its manifest names nor
/// `made` (what takes its place) has, and that are no shards, index or manifest.
std::vector<std::filesystem::path> extra_files(const std::filesystem::path& old,
                                               const std::filesystem::path& made);

/// Puts them into `made`, as links to the same bytes where the file system has such links, else as copies.
/// Throws SystemError.
void take_along(const std::vector<std::filesystem::path>& files, const std::filesystem::path& old,
                const std::filesystem::path& made, bool sync);

}  // namespace tenon
