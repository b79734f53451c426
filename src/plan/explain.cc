#include "plan/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "rules/invert.h"
#include "rules/operations/layout_operation.h"

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
  std::string result;         // where the last of them leaves the key
};

// What a converter makes has a number where its target has a star: the first.
std::string with_first_number(std::string key) {
  for (std::size_t at = key.find('*'); at != std::string::npos; at = key.find('*', at))
    key.replace(at, 1, "0");
  return key;
}

// The key goes through the mapper after all keys before it in natural order, because a GroupWeightRename
// remembers what it has seen. On the way back a converter makes several keys; `expanded` is the one to follow
// through the renamings behind it.
Trace trace(const std::vector<std::string>& keys, const std::string& key,
            const std::vector<Transform>& transforms, bool to_fused, const FusedKeys& fused_keys,
            const RememberedNames* names, const std::string& expanded = {}) {
  KeyMapper mapper(transforms, to_fused, fused_keys, names);
  for (const auto& other : keys) {
    if (other == key) break;
    mapper.map(other);
  }
  std::vector<KeyStep> steps;
  const MappedKey mapped = mapper.map(key, &steps);
  const bool converted = mapped.converter >= 0;
  std::string result = mapped.key;
  if (converted) {
    for (std::size_t i = static_cast<std::size_t>(mapped.converter) + 1; i < transforms.size(); ++i) {
      if (transforms[i].kind == TransformKind::kWeightConverter)
        steps.push_back({static_cast<int>(i), mapped.key, std::nullopt});
    }
    if (!to_fused) {
      // Of the keys that the converter makes, the one that was asked for.
      result = expanded.empty() ? with_first_number(mapped.key) : expanded;
      for (auto& step : steps) {
        if (step.transform == mapped.converter && step.made) step.made = result;
      }
      result = mapper.rename(result, &steps);
    }
  }
  Trace out;
  out.result = std::move(result);
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

// "BF16 = E4M3 a, F32 b scale; c = a * b, of a: m.weight, b: m.weight_scale_inv", each way of computing once.
std::vector<std::string> computed_by(const Plan& plan, const Checkpoint& source,
                                     const PlannedTensor& output) {
  std::vector<std::string> out;
  std::set<std::uint32_t> seen;
  for (const Piece& piece : output.view.pieces) {
    if (!is_computed(piece) || !seen.insert(piece.recipe).second) continue;
    std::vector<std::string> keys;
    for (const std::uint32_t i : sources_of(piece)) keys.push_back(source.tensors[i].key);
    out.push_back(fmt::format("{}{}", to_string(plan.recipes[piece.recipe - 1]),
                              keys.empty() ? "" : " of " + fmt::format("{}", fmt::join(keys, ", "))));
  }
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
    throw UserError("key-unknown"_id, {source.directory.string(), 0, 0, {}, key, ""},
                    "neither a key of this checkpoint nor one that the conversion makes",
                    near.empty() ? "`tenon inspect` lists the keys." : "Near: " + join_some(near) + ".");
  }
  out.is_source = as_source != source_keys.end();
  const std::size_t index = out.is_source ? static_cast<std::size_t>(as_source - source_keys.begin()) : 0;
  std::uint32_t input = static_cast<std::uint32_t>(index);
  if (!out.is_source) {
    const PlannedTensor& output = plan.outputs[static_cast<std::size_t>(as_output - output_keys.begin())];
    for (const std::uint32_t i : sources_of(output.view)) out.made_of.push_back(source_keys[i]);
    if (const auto sources = sources_of(output.view); !sources.empty()) input = sources.front();
    out.results = {key};
    out.computed = computed_by(plan, source, output);
    out.made_by = converter_text(plan, output.transform);
  } else {
    const SourceFate& fate = plan.fates[index];
    out.dropped = fate.reason;
    out.made_by = converter_text(plan, fate.transform);
    for (const auto& output : plan.outputs) {
      const auto sources = sources_of(output.view);
      if (std::find(sources.begin(), sources.end(), input) == sources.end()) continue;
      if (out.results.empty()) out.computed = computed_by(plan, source, output);
      out.results.push_back(output.key);
    }
  }
  const bool to_fused = plan.to == Layout::kFused;
  const auto forth = [&](const std::string& expanded) {
    return trace(source_keys, source_keys[input], plan.transforms, to_fused, fused_keys,
                 source.manifest ? &source.manifest->names : nullptr, expanded);
  };
  const Transform* const first = plan.transforms.data();
  const std::vector<Transform> back = invert(plan.transforms, [&](const Transform& t) {
    return static_cast<bool>(plan.transform_used[static_cast<std::size_t>(&t - first)]);
  });
  const auto return_from = [&](const std::string& expanded) {
    return trace(output_keys, out.results.front(), back, !to_fused, fused_keys, &plan.names, expanded);
  };
  if (out.results.empty()) {
    out.steps = forth({}).steps;
    return out;
  }
  // The way to the original layout makes several keys of one: that to the fused layout says which this is.
  Trace one = to_fused ? forth({}) : return_from({});
  Trace other = to_fused ? return_from(one.converter_saw) : forth(one.converter_saw);
  out.steps = std::move((to_fused ? one : other).steps);
  out.back_steps = std::move((to_fused ? other : one).steps);
  return out;
}

Explanation follow_key(const Checkpoint& source, const RuleSet& rules, Layout to, const std::string& key) {
  std::vector<std::string> keys;
  for (const auto& t : source.tensors) keys.push_back(t.key);
  if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
    const auto near = nearest(key, keys, 5);
    throw UserError("key-unknown"_id, {source.directory.string(), 0, 0, {}, key, ""},
                    "no key of this checkpoint",
                    near.empty() ? "`tenon inspect` lists the keys." : "Near: " + join_some(near) + ".");
  }
  const bool to_fused = to == Layout::kFused;
  const std::vector<Transform> list =
      to_fused ? rules.transforms : invert(rules.transforms, [](const Transform& t) {
        return !t.forward_only && t.kind != TransformKind::kPrefixChange;
      });
  const FusedKeys fused_keys(rules.fused_keys, rules.base_model_prefix);
  KeyMapper mapper(list, to_fused, fused_keys);
  for (const auto& other : keys) {
    if (other == key) break;
    mapper.map(other);
  }
  const MappedKey mapped = mapper.map(key);
  Explanation out;
  out.key = key;
  Trace followed = trace(keys, key, list, to_fused, fused_keys, nullptr);
  out.results = {followed.result};
  out.steps = std::move(followed.steps);
  if (mapped.converter >= 0) {
    const Transform& t = list[static_cast<std::size_t>(mapped.converter)];
    out.made_by = describe(t) + ":";
    for (const auto& operation : t.operations) out.made_by += " " + to_string(operation);
  }
  return out;
}

}  // namespace tenon
