// What `tenon inspect` shows of a checkpoint: its tensors, the sizes by dtype and by shard, and where it
// comes from.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "checkpoint/checkpoint.h"
#include "report/table.h"

namespace tenon {

struct InspectOptions {
  bool list_tensors = true;
  /// a glob: only these tensors are listed; empty: all
  std::string keys;
};

/// In parts: of a checkpoint with a million tensors the whole would take more memory than its headers do.
void inspect_text(const Checkpoint& checkpoint, const InspectOptions& options, const TextSink& out);
void inspect_json(const Checkpoint& checkpoint, const InspectOptions& options, const TextSink& out);

/// A line for each branch and for each kind of tensor: numbers that repeat stand together.
std::string inspect_tree(const Checkpoint& checkpoint);

/// The schema of inspect_json().
nlohmann::ordered_json inspect_schema();

/// "qwen3_moe (Qwen3MoeForCausalLM)", as config.json says; "unknown (no config.json)" where it does not.
std::string model_of(const Checkpoint& checkpoint);

}  // namespace tenon
