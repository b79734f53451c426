// What belongs to a weight goes with it, or the conversion is refused: quantised checkpoints whose method the
// rules do not know, and tensors that would stay below a module whose weight has gone.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/diagnostics.h"
#include "checkpoint/checkpoint.h"
#include "plan/convert_views.h"
#include "rules/rule_set.h"

namespace tenon {

/// What config.json says of how weights are coded, and its dotted path where that is asked for; null:
/// nothing.
const nlohmann::ordered_json* quantisation_of(const nlohmann::ordered_json& config, std::string* path);

/// The quantisation method that config.json names: "fp8", "gptq"; "" where it names none.
std::string quantisation_method(const nlohmann::ordered_json& config);

/// Rows and columns of a block of a block-wise scale, from config.json; empty where it says none.
std::vector<std::int64_t> weight_block_size(const nlohmann::ordered_json& config);

/// Refuses a checkpoint whose modules are quantised in a way that the library's rules do not know, where one
/// of its converters would take, or expects, a weight of such a module. Names the method and the first key.
/// Rules of the user's own are taken at their word.
void check_quantisation(const Checkpoint& checkpoint, const RuleSet& rules, Diagnostics& diagnostics);

/// Scales and shapes whose weight is in no file: an error, the checkpoint is incomplete. What those of
/// `transforms` that change values take, in the direction given, is theirs to check.
void check_weights_are_there(const Checkpoint& checkpoint, const RuleSet& rules,
                             const std::vector<Transform>& transforms, bool to_fused,
                             Diagnostics& diagnostics);

/// Tensors that stay below a module whose weight was taken elsewhere: errors that name both keys, one for
/// each transform and suffix; warnings where `allowed`.
void check_left_behind(const std::vector<NamedView>& inputs, const Conversion& conversion,
                       const ConversionRequest& request, bool allowed, Diagnostics& diagnostics);

}  // namespace tenon
