// What the operations of a transform read from the checkpoint's config: sizes, shapes, heads, shard counts.
#pragma once

#include <nlohmann/json.hpp>

#include "base/diagnostics.h"
#include "rules/language/transform.h"

namespace tenon {

/// Evaluates every number and what else the operations read. What the config does not give goes to
/// `diagnostics` and stays unset.
void resolve(Transform& transform, const nlohmann::ordered_json& config, Diagnostics& diagnostics);

}  // namespace tenon
