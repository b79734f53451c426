// Moving the files of a folder one by one, for file systems that cannot rename a folder. A record of what is
// under way, in a file of its own, lets a later run undo what a killed one began.
#pragma once

#include <filesystem>

namespace tenon {

/// Moves all files below `output` into `destination`, which is absent or empty, the index and the manifest
/// last: a reader takes a folder with those for complete. `record` stands while files are under way and is
/// then renamed to `done`. Throws SystemError; the files are then back where they were.
void move_files(const std::filesystem::path& output, const std::filesystem::path& destination,
                const std::filesystem::path& record, const std::filesystem::path& done);

/// Undoes what `record` says was under way, and removes the record. Files in `destination` that are not in it
/// stay. Throws SystemError.
void move_back(const std::filesystem::path& output, const std::filesystem::path& destination,
               const std::filesystem::path& record);

}  // namespace tenon
