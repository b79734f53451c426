// The views of the pairs that the plan makes are in terms of the adapter's own tensors. Read as an adapter,
// and taken through the inverse rules as the next run will take them, they give views of those tensors again;
// each has to be the identity of the tensor of its name, and what the way back would leave out has to be
// zeros that the plan makes.
#include "adapters/prove_adapter.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "adapters/follow_pairs.h"
#include "adapters/phantoms.h"
#include "adapters/read_pairs.h"
#include "base/text.h"
#include "plan/build_plan.h"

namespace tenon {
namespace {

Manifest manifest_of_plan(const AdapterProof& proof) {
  Manifest manifest;
  manifest.layout = proof.plan.to;
  manifest.used_transforms = proof.plan.used_ids;
  manifest.facts = proof.plan.facts;
  manifest.names = proof.plan.names;
  manifest.options = proof.options;
  return manifest;
}

FollowedAdapter way_back(const AdapterProof& proof, Diagnostics& diagnostics) {
  std::vector<NamedView> made;
  for (const auto& output : proof.plan.outputs) made.push_back({output.key, output.view, -1, {}});
  const AdapterConfig config(proof.new_config, proof.config.file());
  const Adapter adapter = read_pairs(
      made, config, &proof.record, [](const auto&) { return std::nullopt; }, diagnostics);
  diagnostics.throw_if_errors();
  const PhantomCheckpoint phantom =
      phantom_checkpoint(adapter, {}, proof.base, manifest_of_plan(proof), diagnostics);
  diagnostics.throw_if_errors();
  const Options options = options_for_phantoms(proof.options, Layout::kOriginal, true);
  const Plan plan = build_plan(phantom.checkpoint, proof.rules, options);
  return follow_pairs({adapter, phantom.phantoms, plan, config, &proof.record, {}}, diagnostics);
}

std::map<std::string, View> tensors_that_come_back(const AdapterProof& proof,
                                                   const FollowedAdapter& followed) {
  std::map<std::string, std::string> places;
  for (const auto& [stem, key] : proof.record.parameters) {
    const bool is_of_source =
        std::any_of(proof.tensors.begin(), proof.tensors.end(),
                    [&, &at = stem](const NamedView& t) { return t.key.starts_with(at + ".lora_"); });
    const auto& prefix = proof.adapter.pairs.front().prefix;
    if (is_of_source) places[key] = stem.substr(stem.starts_with(prefix) ? prefix.size() : 0);
  }
  std::map<std::string, View> out;
  for (const auto& made : followed.pairs) {
    if (made.pair.form == PairForm::kParameter && !places.contains(made.pair.key)) continue;
    for (auto& tensor : tensors_of(made.pair, proof.config.is_set("fan_in_fan_out"), places))
      out.emplace(tensor.key, std::move(tensor.view));
  }
  return out;
}

// Is it tensor `i`, or one that a condition of the plan says has its bytes?
bool is_as_it_was(const View& view, std::uint32_t i, const Plan& plan) {
  if (is_identity(view, i)) return true;
  return std::any_of(plan.conditions.begin(), plan.conditions.end(), [&](const Condition& condition) {
    return condition.kind == Condition::Kind::kEqual && condition.first == i &&
           is_identity(view, condition.second);
  });
}

}  // namespace

void prove_adapter(const AdapterProof& proof) {
  Diagnostics diagnostics;
  const FollowedAdapter followed = way_back(proof, diagnostics);
  diagnostics.throw_if_errors();
  const auto returned = tensors_that_come_back(proof, followed);
  std::vector<std::string> lost;
  for (std::size_t p = 0; p < proof.adapter.pairs.size(); ++p) {
    if (proof.dropped[p]) continue;
    for (const std::uint32_t i : proof.adapter.pairs[p].inputs) {
      const NamedView& tensor = proof.tensors[i];
      const auto found = returned.find(tensor.key);
      const bool same = found != returned.end() && found->second.dtype == tensor.view.dtype &&
                        found->second.shape == tensor.view.shape &&
                        is_as_it_was(found->second, i, proof.plan);
      if (!same) lost.push_back(tensor.key);
    }
  }
  const bool loses_elements =
      std::any_of(followed.conditions.begin(), followed.conditions.end(), [](const Condition& condition) {
        return condition.kind == Condition::Kind::kApart && !copies_of(condition.view).empty();
      });
  if (lost.empty() && !loses_elements) return;
  throw UserError("plan-key-lost"_id, {"", 0, 0, {}, lost.empty() ? "" : lost.front(), ""},
                  lost.empty()
                      ? "parts of joined pairs overlap: they would not come apart again"
                      : fmt::format("does not come back from the converted adapter as it was ({} in all: {})",
                                    lost.size(), join_some(lost)),
                  "Accept a one-way conversion with --one-way, or merge the adapter into its base.");
}

}  // namespace tenon
