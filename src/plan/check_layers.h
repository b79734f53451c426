// Are all layers there that config.json counts?
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "base/diagnostics.h"
#include "checkpoint/checkpoint.h"

namespace tenon {

/// num_hidden_layers of config.json, or of the sub-config of its text part; 0 where it says none.
std::int64_t layer_count(const nlohmann::ordered_json& config);

/// Layers of the language model that config.json counts and of which no tensor is there, and layers between
/// two others that lack what all others have: errors. Draft layers behind the last one are none of these.
void check_layers(const Checkpoint& checkpoint, Diagnostics& diagnostics);

/// How many experts a layer may have, by the config: nothing where it says nothing. Some models keep tensors
/// for the experts that only pass their input on (`zero_expert_num`) and leave others of their tensors out.
std::vector<std::int64_t> expert_counts(const nlohmann::ordered_json& config);

}  // namespace tenon
