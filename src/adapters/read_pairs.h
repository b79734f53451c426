// The tensors of an adapter as pairs, and pairs as tensors: PEFT's names and shapes.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "adapters/adapter.h"
#include "base/diagnostics.h"

namespace tenon {

/// The shape of a tensor of the base, where it is known.
using ShapeOf = std::function<std::optional<Shape>(const std::string& key)>;

/// Sorts the adapter's tensors into pairs and tensors that stand for themselves. `known`: what an earlier
/// conversion recorded, or nullptr. What is no pair, and no tensor of the base either, is refused by its
/// name.
Adapter read_pairs(const std::vector<NamedView>& tensors, const AdapterConfig& config,
                   const AdapterRecord* known, const ShapeOf& shape_of, Diagnostics& diagnostics);

/// Where a parameter's pair stands below its module, of all of that module's that have one: PEFT wraps the
/// module once for each, so that all but the last lie below `base_layer`.
std::map<std::string, std::string> places_of_parameters(const std::vector<std::string>& keys);

/// The pairs' tensors, not sorted. `turned`: lora_A and lora_B of an nn.Linear are those of the transposed
/// weight (fan_in_fan_out). `places`: of parameters, by their keys.
std::vector<NamedView> tensors_of(const LoraPair& pair, bool turned,
                                  const std::map<std::string, std::string>& places);

/// [columns, rows] of [rows, columns].
View transposed(const View& view);

}  // namespace tenon
