#include "plan/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "rules/invert.h"

namespace tenon {
namespace {

std::string why_not(const Transform& t, const KeyStep& step, bool converter_fired) {
  if (converter_fired && t.kind == TransformKind::kWeightConverter)
    return "another converter took the key before it";
  if (t.scope) {
    const std::string inner = t.scope->scope_prefix.empty() ? "" : t.scope->scope_prefix + ".";
    const std::string outer = t.scope->base_model_prefix.empty() ? "" : t.scope->base_model_prefix + ".";
    if (!step.saw.starts_with(outer + inner) && !step.saw.starts_with(inner)) {
      return fmt::format("the key is not below {}{}", outer, t.scope->scope_prefix);
    }
  }
  if (t.modules) return "the key is not below a module that the family can fuse, or no pattern matches";
  if (t.kind == TransformKind::kGroupWeightRename)
    return "no pattern matches, or its guard has not been seen";
  return "no source pattern matches";
}

// A key's steps through a rule list, and what its converter made of it.
struct Trace {
  std::vector<ExplainedStep> steps;
  std::string converter_saw;  // "" where none fired
};

// The key goes through the mapper after all keys before it in natural order, because a GroupWeightRename
// remembers what it has seen. On the way back a converter makes several keys; `expanded` is the one to follow
// through the renamings behind it.
Trace trace(const std::vector<std::string>& keys, const std::string& key,
            const std::vector<Transform>& transforms, bool to_fused, const FusedKeys& fused_keys,
            const std::string& expanded = {}) {
  KeyMapper mapper(transforms, to_fused, fused_keys);
  for (const auto& other : keys) {
    if (other == key) break;
    mapper.map(other);
  }
  std::vector<KeyStep> steps;
  const MappedKey mapped = mapper.map(key, &steps);
  const bool converted = mapped.converter >= 0;
  if (converted) {
    for (std::size_t i = static_cast<std::size_t>(mapped.converter) + 1; i < transforms.size(); ++i) {
      if (transforms[i].kind == TransformKind::kWeightConverter)
        steps.push_back({static_cast<int>(i), mapped.key, std::nullopt});
    }
    if (!to_fused) mapper.rename(expanded, &steps);
  }
  Trace out;
  out.converter_saw = mapped.before_converter;
  for (const auto& step : steps) {
    const Transform& t = transforms[static_cast<std::size_t>(step.transform)];
    const bool too_late = converted && step.transform > mapped.converter;
    out.steps.push_back({describe(t), step.saw, step.made, step.made ? "" : why_not(t, step, too_late)});
  }
  return out;
}

std::string converter_text(const Plan& plan, int transform) {
  if (transform < 0) return "";
  const Transform& t = plan.transforms[static_cast<std::size_t>(transform)];
  std::string out = describe(t) + ":";
  for (const auto& operation : t.operations) out += " " + to_string(operation);
  return out;
}

std::set<std::uint32_t> sources_of(const PlannedTensor& output) {
  std::set<std::uint32_t> out;
  for (const auto& piece : output.view.pieces) out.insert(piece.source);
  return out;
}

}  // namespace

Explanation explain_key(const Checkpoint& source, const RuleSet& rules, const Plan& plan,
                        const std::string& key) {
  Explanation out;
  out.key = key;
  const FusedKeys fused_keys(rules.fused_keys, rules.base_model_prefix);
  std::vector<std::string> source_keys;
  for (const auto& t : source.tensors) source_keys.push_back(t.key);
  std::vector<std::string> output_keys;
  for (const auto& o : plan.outputs) output_keys.push_back(o.key);

  const auto as_source = std::find(source_keys.begin(), source_keys.end(), key);
  const auto as_output = std::find(output_keys.begin(), output_keys.end(), key);
  if (as_source == source_keys.end() && as_output == output_keys.end()) {
    std::vector<std::string> all = source_keys;
    all.insert(all.end(), output_keys.begin(), output_keys.end());
    const auto near = nearest(key, all, 5);
    throw UserError({source.directory.string(), 0, 0, {}, key, ""},
                    "neither a key of this checkpoint nor one that the conversion makes",
                    near.empty() ? "`tenon inspect` lists the keys." : "Near: " + join_some(near) + ".");
  }
  out.is_source = as_source != source_keys.end();
  const std::size_t index = out.is_source ? static_cast<std::size_t>(as_source - source_keys.begin()) : 0;
  std::uint32_t input = static_cast<std::uint32_t>(index);
  if (!out.is_source) {
    const PlannedTensor& output = plan.outputs[static_cast<std::size_t>(as_output - output_keys.begin())];
    for (const std::uint32_t i : sources_of(output)) out.made_of.push_back(source_keys[i]);
    if (!output.view.pieces.empty()) input = output.view.pieces.front().source;
    out.results = {key};
    out.made_by = converter_text(plan, output.transform);
  } else {
    const SourceFate& fate = plan.fates[index];
    out.dropped = fate.reason;
    out.made_by = converter_text(plan, fate.transform);
    for (const auto& output : plan.outputs) {
      if (sources_of(output).contains(input)) out.results.push_back(output.key);
    }
  }
  const bool to_fused = plan.to == Layout::kFused;
  Trace forth = trace(source_keys, source_keys[input], plan.transforms, to_fused, fused_keys);
  out.steps = std::move(forth.steps);
  if (out.results.empty()) return out;
  std::vector<Transform> back;
  for (std::size_t i = plan.transforms.size(); i-- > 0;) {
    if (plan.transform_used[i] && !plan.transforms[i].forward_only)
      back.push_back(invert(plan.transforms[i]));
  }
  out.back_steps =
      trace(output_keys, out.results.front(), back, !to_fused, fused_keys, forth.converter_saw).steps;
  return out;
}

}  // namespace tenon
