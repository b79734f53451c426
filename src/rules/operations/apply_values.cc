// What a value operation does to a converter's tensors.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/text.h"
#include "rules/operations/bundles.h"
#include "rules/operations/value_step.h"
#include "tensor/split_piece.h"
#include "values/operations/operation_table.h"
#include "values/operations/request.h"
#include "values/operations/view_of_output.h"

namespace tenon {
namespace {

const ErrorId& id_of(const std::string& word) {
  static const std::map<std::string, const ErrorId*, std::less<>> kIds = {
      {"missing", &"value-missing"_id},    {"shape", &"value-shape"_id},
      {"dtype", &"value-dtype"_id},        {"parameter", &"value-parameter"_id},
      {"scale", &"value-scale"_id},        {"nonfinite", &"value-nonfinite"_id},
      {"range", &"value-range"_id},        {"inexact", &"value-inexact"_id},
      {"ambiguous", &"value-ambiguous"_id}};
  const auto found = kIds.find(word);
  return found == kIds.end() ? "value-parameter"_id : *found->second;
}

const char* hint_of(const std::string& word) {
  if (word == "missing")
    return "Name the pattern of that tensor among the rule's patterns; it ends in the role's name.";
  if (word == "parameter") return "docs/rules.md lists the parameters.";
  if (word == "shape") return "Is the block or group size that of config.json's quantization_config?";
  return "";
}

// A tensor that is whole numbers which say how others are laid out.
bool tells_shapes(const std::string& role) {
  return role == "weight_shape" || role == "g_idx";
}

constexpr std::uint64_t kMaxContents = 64 << 20;

// The source tensor that a view is, where it is one.
std::optional<std::uint32_t> whole_source(const View& view) {
  if (view.pieces.empty() || is_zero(view.pieces.front()) || is_computed(view.pieces.front()))
    return std::nullopt;
  const std::uint32_t source = view.pieces.front().source;
  return is_identity(view, source) ? std::optional(source) : std::nullopt;
}

bool is_ordinary_float(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kBF16 || dtype == DType::kF16;
}

bool same_view(const View& a, const View& b) {
  if (a.dtype != b.dtype || a.shape != b.shape) return false;
  if (a.pieces.empty() || b.pieces.empty()) return a.pieces.empty() && b.pieces.empty();
  const auto source = whole_source(b);
  return source && is_identity(a, *source);
}

}  // namespace

std::string ValueStep::codes_among(const ValueRow& row, const ViewsByRole& views) {
  for (const auto& [role, view] : views) {
    if (row.is_codes(role)) return role;
  }
  return views.empty() ? "" : views.begin()->first;
}

void ValueStep::apply(const OperationContext& context, std::vector<Entry>& entries) const {
  if (context.values == nullptr)
    throw OperationError{"value-roles"_id, fmt::format("{} has no place here", value_->name), ""};
  try {
    if (value_->kind == ValueKind::kEach)
      apply_each(context, entries);
    else
      apply_to_bundles(context, entries);
  } catch (const ValueError& error) {
    throw OperationError{id_of(error.word), error.message, hint_of(error.word)};
  }
}

void ValueStep::apply_each(const OperationContext& context, std::vector<Entry>& entries) const {
  const std::string& role = value_->takes.front();
  const std::string& made = value_->makes.front();
  if (value_->notes == Notes::kDTypeAndShape && !is_turned()) remember_shapes(context, entries);
  if (value_->notes != Notes::kNothing && !is_turned()) {
    auto& dtypes = context.found.dtypes[context.key][std::to_string(context.position)];
    for (const Entry& entry : entries) {
      for (const View& view : entry.views) dtypes.emplace_back(name_of(view.dtype));
    }
  }
  std::size_t item = 0;
  for (std::size_t e = 0; e < entries.size(); ++e) {
    Entry& entry = entries[e];
    const bool alone = entries.size() == 1 || entry.is_target;
    for (View& view : entry.views) {
      if (alone && context.kept && is_turned()) {
        const std::size_t target = entry.is_target ? entry.pattern : 0;
        if (auto as_it_was = context.kept(target, entry.index)) {
          view = context.values->proves
                     ? derive({{role, view}}, {{made, *as_it_was}}, *context.values).at(made)
                     : std::move(*as_it_was);
          ++item;
          continue;
        }
      }
      view = made_of({{role, view}}, context, parameters_for(context, item)).at(made);
      ++item;
    }
    if (entries.size() == 1 && !entry.is_target && context.target_count() == 1) {
      entry.is_target = true;
      entry.pattern = 0;
    }
  }
}

ViewsByRole ValueStep::kept_of(const OperationContext& context,
                               const std::map<std::string, std::size_t>& targets,
                               const std::vector<std::int64_t>& index) const {
  ViewsByRole out;
  if (!context.kept || !is_turned()) return out;
  for (const auto& [role, target] : targets) {
    if (auto view = context.kept(target, index)) out.emplace(role, std::move(*view));
  }
  return out;
}

void ValueStep::apply_to_bundles(const OperationContext& context, std::vector<Entry>& entries) const {
  // Which entries belong together: by their patterns, or, where an operation made them for a target each,
  // alone.
  struct Bundle {
    std::size_t number = 0;
    std::map<std::string, Entry*> entries;
  };
  std::vector<Bundle> bundles;
  std::optional<Bundles> sources;
  for (Entry& entry : entries) {
    if (entry.is_target) {
      bundles.push_back({entry.pattern, {{value_->takes.front(), &entry}}});
      continue;
    }
    if (!sources) sources = sources_of(context.transform);
    for (std::size_t n = 0; n < sources->size(); ++n) {
      for (const auto& [role, pattern] : (*sources)[n]) {
        if (pattern != entry.pattern) continue;
        const auto found =
            std::find_if(bundles.begin(), bundles.end(), [&](const Bundle& b) { return b.number == n; });
        Bundle& bundle = found == bundles.end() ? bundles.emplace_back(Bundle{n, {}}) : *found;
        bundle.entries.emplace(role, &entry);
      }
    }
  }
  std::stable_sort(bundles.begin(), bundles.end(),
                   [](const Bundle& a, const Bundle& b) { return a.number < b.number; });
  const bool decodes = value_->kind == ValueKind::kDecode;
  const Bundles targets = decodes ? Bundles{} : targets_of(context.transform);
  std::vector<Entry> out;
  for (const Bundle& bundle : bundles) {
    ViewsByRole firsts;
    for (const auto& [role, entry] : bundle.entries) firsts.emplace(role, entry->views.front());
    const std::string codes = codes_among(*value_, firsts);
    const Entry& main = *bundle.entries.at(codes);
    if (!decodes && bundle.number >= targets.size())
      throw OperationError{"value-roles"_id,
                           fmt::format("{} makes {} weights, and there are targets for {}", value_->name,
                                       bundles.size(), targets.size()),
                           fmt::format("A target ends in what its tensor is: {}.", join_some(roles_made()))};
    std::map<std::string, Entry> made;
    for (std::size_t i = 0; i < main.views.size(); ++i) {
      ViewsByRole inputs;
      for (const auto& [role, entry] : bundle.entries) {
        if (entry->views.size() != main.views.size())
          throw OperationError{"value-missing"_id,
                               fmt::format("a list of {} {} for one of {} {}", entry->views.size(), role,
                                           main.views.size(), codes),
                               ""};
        inputs.emplace(role, entry->views[i]);
      }
      ViewsByRole outputs;
      if (decodes && inputs.size() == 1 && value_->is_codes(codes) &&
          is_ordinary_float(main.views[i].dtype)) {
        outputs = {{value_->makes.front(), main.views[i]}};  // not coded
      } else if (decodes) {
        outputs = made_of(inputs, context, parameters());
      } else {
        const auto& target = targets[bundle.number];
        const ViewsByRole kept = kept_of(context, target, main.index);
        if (was_not_coded(main.views[i], kept, *context.values)) {
          made.clear();
          made.emplace(codes_target(target), Entry{true, 0, main.index, {main.views[i]}, main.lists});
          continue;
        }
        const bool raw =
            std::any_of(kept.begin(), kept.end(), [&](const auto& k) { return value_->is_codes(k.first); });
        for (const auto& [role, view] : kept) inputs.emplace(role, view);
        // A proof looks at what is made, not at what is taken out of the kept file instead.
        const bool proves = context.values->proves;
        outputs = raw && !proves ? kept : made_of(inputs, context, parameters());
        for (const auto& [role, view] : kept) {
          if (!proves) outputs.insert_or_assign(role, view);
        }
      }
      for (auto& [role, view] : outputs) {
        const auto [at, fresh] =
            made.try_emplace(role, Entry{false, main.pattern, main.index, {}, main.lists});
        at->second.views.push_back(std::move(view));
      }
    }
    if (decodes) {
      Entry& weight = made.at(value_->makes.front());
      if (main.is_target || context.target_count() == sources->size()) {
        weight.is_target = true;
        weight.pattern = main.is_target ? main.pattern : bundle.number;
      }
      out.push_back(std::move(weight));
      continue;
    }
    for (auto& [role, entry] : made) {
      const auto target = targets[bundle.number].find(role);
      if (target == targets[bundle.number].end()) {
        // On the way back what the source had not is not made.
        if (is_turned()) continue;
        throw OperationError{"value-roles"_id, fmt::format("{} also makes {}", value_->name, role),
                             fmt::format("Put a target that ends in '{}' beside the others.", role)};
      }
      entry.is_target = true;
      entry.pattern = target->second;
      out.push_back(std::move(entry));
    }
  }
  entries = std::move(out);
}

// On the way back: did the way there take the number as it was? Then nothing was kept of it, or, in a proof,
// it is none of the tensors that were made.
bool ValueStep::was_not_coded(const View& weight, const ViewsByRole& kept, const ValueScope& scope) const {
  if (!is_turned() || !is_ordinary_float(weight.dtype) || !kept.empty()) return false;
  if (!scope.proves) return scope.returns;
  if (scope.returns) return true;
  return weight.pieces.empty() || !scope.made_by.contains(weight.pieces.front().source);
}

// The role of the codes among those that there are targets for.
std::string ValueStep::codes_target(const std::map<std::string, std::size_t>& targets) const {
  for (const auto& [role, target] : targets) {
    if (value_->is_codes(role)) return role;
  }
  return targets.begin()->first;
}

// What the way there found out about the tensor that stands at `item`: the dtype that it had, and its extent.
ValueParameters ValueStep::parameters_for(const OperationContext& context, std::size_t item) const {
  ValueParameters out = parameters();
  out.erase("from");
  if (!is_turned() || turned_from_->value_->notes == Notes::kNothing) return out;
  const auto by_key = context.known.dtypes.find(context.key);
  if (by_key != context.known.dtypes.end()) {
    const auto found = by_key->second.find(std::to_string(context.position));
    if (found != by_key->second.end() && !found->second.empty())
      out["dtype"] = found->second[std::min(item, found->second.size() - 1)];
  }
  if (!out.contains("dtype")) {
    const auto from = turned_from_->parameters();
    if (const auto given = from.find("from"); given != from.end()) out["dtype"] = given->second;
  }
  if (!out.contains("dtype"))
    refuse("parameter", "", "nothing says which dtype it had: `from` on the rule's operation, or a manifest");
  if (turned_from_->value_->notes == Notes::kDTypeAndShape) {
    if (const Shape* const shape = remembered_shape(context, item)) {
      const auto dim = static_cast<std::size_t>(std::get<double>(out.at("dim")));
      if (dim < shape->size()) out["size"] = static_cast<double>((*shape)[dim]);
    }
  }
  return out;
}

// What these tensors were made by, where this operation takes it back.
Derivation* ValueStep::derivation_of(const ViewsByRole& inputs, ValueScope& scope) const {
  const auto fits = [&](const Derivation& d) {
    const auto inverse = d.step->inverse();
    const ValueStep* const back = inverse->value_step();
    if (back == nullptr || !same_as(*back)) return false;
    const bool only = d.outputs.size() == 1 && inputs.size() == 1;
    return std::all_of(inputs.begin(), inputs.end(), [&](const auto& input) {
      const auto found = only ? d.outputs.begin() : d.outputs.find(input.first);
      return found != d.outputs.end() && same_view(input.second, found->second);
    });
  };
  for (const auto& [role, view] : inputs) {
    if (view.pieces.empty()) continue;
    const auto found = scope.made_by.find(view.pieces.front().source);
    if (found == scope.made_by.end()) return nullptr;
    Derivation& d = scope.derivations[found->second];
    return fits(d) ? &d : nullptr;
  }
  // Tensors without elements say nothing of where they came from.
  const auto found = std::find_if(scope.derivations.begin(), scope.derivations.end(), fits);
  return found == scope.derivations.end() ? nullptr : &*found;
}

ViewsByRole ValueStep::made_of(const ViewsByRole& inputs, const OperationContext& context,
                               const ValueParameters& parameters) const {
  ValueScope& scope = *context.values;
  if (scope.proves) {
    if (Derivation* const d = derivation_of(inputs, scope)) {
      d->undone = true;
      if (value_->kind == ValueKind::kEach) return {{value_->makes.front(), d->inputs.begin()->second}};
      ViewsByRole taken = d->inputs;
      // What was taken of the kept file besides is none of what this makes.
      if (value_->kind == ValueKind::kRecode) {
        const auto roles = roles_made();
        std::erase_if(taken, [&](const auto& view) {
          return std::find(roles.begin(), roles.end(), view.first) == roles.end();
        });
      }
      return taken;
    }
  }
  ValueTensors tensors;
  std::vector<std::vector<std::byte>> contents;
  for (const auto& [role, view] : inputs) {
    ValueTensor tensor{view.dtype, view.shape, nullptr};
    const auto source = whole_source(view);
    const auto bytes = byte_size(view.dtype, view.shape);
    if (!bytes || *bytes >= (std::uint64_t{1} << 59))
      refuse("shape", role, fmt::format("{} has more bits than can be counted", to_string(view.shape)));
    if (tells_shapes(role) && source && *bytes <= kMaxContents && scope.contents) {
      contents.push_back(scope.contents(*source));
      if (contents.back().size() == *bytes) tensor.contents = contents.back().data();
    }
    tensors.emplace(role, tensor);
  }
  const ValueOutputs made = apply_value_operation(value_->name, parameters, tensors);
  ViewsByRole out;
  if (!scope.proves) {
    for (const auto& [role, output] : made) out.emplace(role, view_of_output(output, inputs, scope.recipes));
    return out;
  }
  for (const auto& [role, output] : made) out.emplace(role, View{output.dtype, output.shape, {}});
  return derive(inputs, out, scope);
}

// What a proof has in place of what was made: tensors of their own, of these dtypes and shapes.
ViewsByRole ValueStep::derive(const ViewsByRole& inputs, const ViewsByRole& made, ValueScope& scope) const {
  ViewsByRole out;
  for (const auto& [role, view] : made) {
    scope.made_by.emplace(scope.next, scope.derivations.size());
    out.emplace(role, identity_view(scope.next++, view.dtype, view.shape));
  }
  scope.derivations.push_back({std::make_shared<ValueStep>(*this), inputs, out, false});
  return out;
}

}  // namespace tenon
