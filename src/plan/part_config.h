// config.json of a part of a model, out of the whole's and back.
#pragma once

#include <nlohmann/json.hpp>

#include "checkpoint/checkpoint.h"
#include "options/options.h"
#include "rules/model_part.h"

namespace tenon {

/// The config on the other side: the part's out of the whole's, or the whole's with what the part's says. On
/// the way back by a manifest the source's own, with what somebody has changed since. Throws UserError where
/// the whole has no such sub-config.
nlohmann::ordered_json config_across(const Checkpoint& checkpoint, const ModelPart& part, Layout to);

/// What makes the one of the other: a value of the top for each that differs.
std::vector<ConfigEdit> config_differences(const nlohmann::ordered_json& before,
                                           const nlohmann::ordered_json& after);

}  // namespace tenon
