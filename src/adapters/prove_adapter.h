// The proof of an adapter's plan: the way back is run on what it makes, and has to give each pair again.
#pragma once

#include <vector>

#include "adapters/adapter.h"
#include "options/options.h"
#include "plan/plan.h"
#include "rules/rule_set.h"

namespace tenon {

struct AdapterProof {
  const Adapter& adapter;
  /// of the adapter, each the whole of itself
  const std::vector<NamedView>& tensors;
  const AdapterConfig& config;
  const nlohmann::ordered_json& new_config;
  const AdapterRecord& record;
  const Checkpoint& base;
  const RuleSet& rules;
  const Options& options;
  /// to the fused layout
  const Plan& plan;
  /// by pair: a rule leaves its weight out, and says so
  const std::vector<bool>& dropped;
};

/// Throws UserError where a tensor of a pair does not come back as it was. What stands for itself is proven
/// by the plan of the base's names.
void prove_adapter(const AdapterProof& proof);

}  // namespace tenon
