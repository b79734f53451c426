// Hashes of what lies on the disk: to check a folder against its manifest, and what an interrupted run left
// against its journal.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/observer.h"
#include "checkpoint/checkpoint.h"
#include "engine/engine.h"
#include "output/journal.h"
#include "plan/plan.h"

namespace tenon {

/// The hashes of every tensor, parallel to Checkpoint::tensors; `options` give threads, kind and the stage's
/// name; progress counts the bytes once for each of the hashes. Throws as execute() does.
std::vector<TensorHash> hash_tensors(const Checkpoint& checkpoint, const EngineOptions& options,
                                     Observer& observer = nobody());

/// "sha256:..." of a whole file. Throws SystemError, Interrupted.
std::string hash_file(const std::filesystem::path& path, const Observer& observer);

/// "sha256:..." of whole files, in their order. Throws as execute() does.
std::vector<std::string> hash_files(const std::vector<ShardFile>& files, const EngineOptions& options,
                                    Observer& observer = nobody());

/// Those of the finished shards that stand in `folder` as the plan wants them and whose tensors still have
/// the recorded hashes. A shard without recorded hashes cannot be trusted.
std::vector<FinishedShard> still_finished(const std::vector<FinishedShard>& shards, const Plan& plan,
                                          const std::filesystem::path& folder, const EngineOptions& options,
                                          Observer& observer = nobody());

}  // namespace tenon
