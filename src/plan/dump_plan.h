// The plan as text: a stable form for golden files and hashes, and JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "checkpoint/checkpoint.h"
#include "plan/plan.h"

namespace tenon {

/// One line for each shard, output and piece, without paths of this machine. The same plan gives the same
/// text on any machine.
///
///   shard model.safetensors 4296 bytes
///   tensor model.layers.0.mlp.experts.gate_up_proj F32 [4, 48, 32] shard 0 offset 512 by mixtral#0
///     model.layers.0.mlp.experts.0.gate_proj.weight +0 -> +0 24x(32,32) 32x(1,1)
std::string golden_dump(const Plan& plan, const Checkpoint& source);

/// content_hash of golden_dump.
std::string plan_hash(const Plan& plan, const Checkpoint& source);

/// Everything in the plan: outputs with their copies, shards, fates, transforms used, notes.
nlohmann::ordered_json plan_json(const Plan& plan, const Checkpoint& source);

/// The schema of plan_json().
nlohmann::ordered_json plan_schema();

}  // namespace tenon
