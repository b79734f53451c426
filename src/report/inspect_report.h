// What `tenon inspect` shows of a checkpoint: its tensors, the sizes by dtype and by shard, and where it
// comes from.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "checkpoint/checkpoint.h"

namespace tenon {

struct InspectOptions {
  bool list_tensors = true;
  std::string keys;  // a glob: only these tensors are listed; empty: all
};

std::string inspect_text(const Checkpoint& checkpoint, const InspectOptions& options);
nlohmann::ordered_json inspect_json(const Checkpoint& checkpoint, const InspectOptions& options);

/// "qwen3_moe (Qwen3MoeForCausalLM)", as config.json says; "unknown (no config.json)" where it does not.
std::string model_of(const Checkpoint& checkpoint);

}  // namespace tenon
