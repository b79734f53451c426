#include "plan/changed_values.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "checkpoint/kept.h"
#include "checkpoint/natural_order.h"
#include "checkpoint/read_tensor.h"
#include "plan/convert_views.h"
#include "rules/operations/value_step.h"

namespace tenon {

ChangedValues::ChangedValues(const Checkpoint& checkpoint, const Options& options, bool returns)
    : checkpoint_(checkpoint), options_(options), returns_(returns) {
  scope_.contents = [&checkpoint](std::uint32_t source) { return read_tensor(checkpoint, source); };
  scope_.returns = returns;
  proof_.contents = scope_.contents;
  proof_.returns = returns;
  proof_.proves = true;
  proof_.next = static_cast<std::uint32_t>(checkpoint.tensors.size());
}

bool ChangedValues::take_part_in(const std::vector<Transform>& transforms) const {
  return std::any_of(transforms.begin(), transforms.end(),
                     [](const Transform& t) { return first_value_step(t) != nullptr; });
}

Conversion ChangedValues::positions(const std::vector<NamedView>& inputs, const ConversionRequest& request,
                                    const std::vector<bool>& dropped) {
  Diagnostics errors;  // those that there are have been told
  Conversion out = convert_views(inputs, request, errors);
  std::erase_if(out.outputs,
                [&](const NamedView& o) { return o.inputs.size() == 1 && dropped[o.inputs.front()]; });
  return out;
}

void ChangedValues::judge(Plan& plan, Diagnostics& diagnostics) {
  if (returns_) return;  // accepted on the way here
  for (const Derivation& d : proof_.derivations) {
    if (!d.undone) continue;
    WayBackOfValues way = way_back_of(d);
    if (d.step->value().kind == ValueKind::kDecode && keeps_codes(d)) {
      way.range.reset();
      for (const auto& [role, view] : d.inputs) way.kept.push_back(role);
    }
    keep_roles(d, way.kept, diagnostics);
    if (way.range) require_scales(d, *way.range, plan);
    if (!way.exact) accept_or_refuse(d, way, plan, diagnostics);
  }
}

void ChangedValues::accept_or_refuse(const Derivation& derivation, const WayBackOfValues& way, Plan& plan,
                                     Diagnostics& diagnostics) const {
  // No --within says more.
  constexpr double kMost = 0.999;
  const bool can_be_asked_for = way.law && way.law->bound() < kMost;
  if (can_be_asked_for && options_.within && way.law->bound() <= options_.within->value) {
    ++plan.within[to_string(*way.law)];
    return;
  }
  const auto first = source_of(derivation.inputs.begin()->second);
  const std::string what =
      way.law ? fmt::format("{}: numbers come back {}", way.lossy, to_string(*way.law)) : way.lossy;
  const std::string hint = can_be_asked_for
                               ? fmt::format(
                                     "Accept it with --within {} (the way back is proven but for that), "
                                     "or with --one-way.",
                                     to_string(RelativeBound{way.law->bound()}))
                               : "Accept it with --one-way.";
  diagnostics.add_once(what, {Severity::kError,
                              "value-lossy"_id,
                              {"", 0, 0, {}, first ? checkpoint_.tensors[*first].key : "", ""},
                              fmt::format("{}: {}", derivation.step->value().name, what),
                              hint,
                              {},
                              {}});
}

void ChangedValues::keep_roles(const Derivation& derivation, const std::vector<std::string>& roles,
                               Diagnostics& diagnostics) {
  for (const std::string& role : roles) {
    const View& view = derivation.inputs.at(role);
    if (view.pieces.empty()) continue;
    if (const auto source = source_of(view)) {
      kept_.insert(*source);
      continue;
    }
    diagnostics.error("value-roles"_id, {"", 0, 0, {}, "", ""},
                      fmt::format("{}: {} is made by another operation, and cannot be kept for the way back",
                                  derivation.step->value().name, role),
                      "Decode what the checkpoint has, as it stands there.");
  }
}

// The tensor of the source that a view is as a whole.
std::optional<std::uint32_t> ChangedValues::source_of(const View& view) const {
  if (view.pieces.empty()) return std::nullopt;
  const std::uint32_t source = view.pieces.front().source;
  const bool is = source < checkpoint_.tensors.size() && is_identity(view, source);
  return is ? std::optional(source) : std::nullopt;
}

bool ChangedValues::keeps_codes(const Derivation& derivation) const {
  const auto& globs = options_.keep_codes;
  return std::any_of(derivation.inputs.begin(), derivation.inputs.end(), [&](const auto& input) {
    const auto source = source_of(input.second);
    return source && std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) {
             return glob_matches(glob, checkpoint_.tensors[*source].key);
           });
  });
}

// Looked at when the conversion begins, as all conditions.
void ChangedValues::require_scales(const Derivation& derivation, const ScaleRange& range, Plan& plan) const {
  const auto scale = source_of(derivation.inputs.at(range.role));
  if (!scale) return;
  Condition condition;
  condition.kind = Condition::Kind::kScale;
  condition.first = *scale;
  condition.has_second = false;
  if (!range.global.empty() && derivation.inputs.contains(range.global)) {
    const auto global = source_of(derivation.inputs.at(range.global));
    condition.has_second = global.has_value();
    condition.second = global.value_or(0);
  }
  condition.divides = range.divides;
  condition.least = range.least;
  condition.limit = range.limit;
  condition.why = derivation.step->value().name;
  plan.conditions.push_back(std::move(condition));
}

void ChangedValues::keep(Conversion& conversion, Plan& plan) const {
  if (kept_.empty()) return;
  std::uint64_t bytes = 0;
  for (const std::uint32_t i : kept_) {
    const Tensor& tensor = checkpoint_.tensors[i];
    bytes += tensor.bytes;
    conversion.outputs.push_back(
        {std::string(kKeptPrefix) + tensor.key, identity_view(i, tensor.dtype, tensor.shape), -1, {i}});
  }
  std::sort(conversion.outputs.begin(), conversion.outputs.end(),
            [](const NamedView& a, const NamedView& b) { return natural_less(a.key, b.key); });
  plan.notes.push_back(
      {Severity::kNote,
       "value-kept"_id,
       {},
       fmt::format("{} {} kept for the way back, {} in {}", kept_.size(),
                   kept_.size() == 1 ? "tensor is" : "tensors are", human_bytes(bytes), kKeptFile),
       ""});
}

}  // namespace tenon
