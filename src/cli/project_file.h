// tenon.yaml: the options of a project, in its folder or one above the current one.
//
//   rules_dir: rules              # of every command that has it; paths are relative to the file
//   fuse: [qkv, gate_up]
//   max_shard_size: 10GB
//   lint: {strict: true}          # of one command
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/diagnostics.h"
#include "options/options.h"

namespace tenon {

/// The tenon.yaml of the nearest folder from `from` upwards; nothing where there is none.
std::optional<std::filesystem::path> find_project_file(const std::filesystem::path& from);

/// Reads its options of `command` over those of `options` that are not among `given`, and returns their
/// names. What is wrong anywhere in the file goes to `diagnostics`.
std::vector<std::string> read_project_file(const std::filesystem::path& file, const std::string& command,
                                           const std::vector<std::string>& given, Options& options,
                                           Diagnostics& diagnostics);

}  // namespace tenon
