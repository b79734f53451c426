// adapter_config.json of a converted adapter: names of modules and parameters, ranks and scales by name.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapters/adapter.h"
#include "adapters/follow_pairs.h"

namespace tenon {

/// Names of tensors that stand for themselves, before and after.
using WholeNames = std::vector<std::pair<std::string, std::string>>;

/// The config of `followed`, which was made of `adapter`. `turned`: what fan_in_fan_out becomes, where it
/// changes.
nlohmann::ordered_json renamed_config(const AdapterConfig& config, const Adapter& adapter,
                                      const FollowedAdapter& followed, const WholeNames& whole,
                                      std::optional<bool> turned);

/// The members of two objects that differ.
std::vector<ConfigEdit> edits_between(const nlohmann::ordered_json& before,
                                      const nlohmann::ordered_json& after);

/// `config` with `edits` undone; nothing where somebody has changed one of their members since.
std::optional<nlohmann::ordered_json> with_edits_undone(const nlohmann::ordered_json& config,
                                                        const std::vector<ConfigEdit>& edits);

}  // namespace tenon
