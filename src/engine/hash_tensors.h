// Hashes of what lies on the disk: to check a folder against its manifest, and what an interrupted run left
// against its journal.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/journal.h"
#include "engine/engine.h"
#include "plan/plan.h"

namespace tenon {

/// The hashes of every tensor, parallel to Checkpoint::tensors; `options` give threads, kind, stop and
/// progress, which counts the bytes once for each of the hashes. Throws as execute() does.
std::vector<TensorHash> hash_tensors(const Checkpoint& checkpoint, const EngineOptions& options);

/// "sha256:..." of a whole file; `between` as in sha256_of_range(). Throws SystemError.
std::string hash_file(const std::filesystem::path& path, const std::function<void()>& between);

/// "sha256:..." of whole files, in their order. Throws as execute() does.
std::vector<std::string> hash_files(const std::vector<ShardFile>& files, const EngineOptions& options);

/// Those of the finished shards that stand in `folder` as the plan wants them and whose tensors still have
/// the recorded hashes. A shard without recorded hashes cannot be trusted.
std::vector<FinishedShard> still_finished(const std::vector<FinishedShard>& shards, const Plan& plan,
                                          const std::filesystem::path& folder, const EngineOptions& options);

}  // namespace tenon
