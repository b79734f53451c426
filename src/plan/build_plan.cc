#include "plan/build_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "base/checked.h"
#include "base/text.h"
#include "checkpoint/file.h"
#include "checkpoint/natural_order.h"
#include "plan/changed_values.h"
#include "plan/check_companions.h"
#include "plan/check_layers.h"
#include "plan/check_matches.h"
#include "plan/check_plan.h"
#include "plan/choose_transforms.h"
#include "plan/companions.h"
#include "plan/convert_views.h"
#include "plan/does_not_come_back.h"
#include "plan/dump_plan.h"
#include "plan/edit_config.h"
#include "plan/lay_out.h"
#include "plan/part_of_model.h"
#include "plan/tied_tensors.h"

namespace tenon {
namespace {

class PlanBuilder {
 public:
  PlanBuilder(const Checkpoint& checkpoint, const RuleSet& rules, const Options& options, SecondHalf* half)
      : checkpoint_(checkpoint),
        rules_(rules),
        options_(options),
        half_(half),
        to_fused_(options.to == Layout::kFused),
        outside_(outside_of_part(checkpoint, rules, options.to)),
        values_(checkpoint, options, returns()) {
    plan_.to = options.to;
    plan_.one_way = options.one_way;
  }

  Plan run() {
    refuse_converted();
    refuse_immense();
    check_part(checkpoint_, rules_, outside_, options_.to, diagnostics_);
    diagnostics_.throw_if_errors();
    ChosenTransforms chosen = choose_transforms(checkpoint_, rules_, options_, plan_.notes);
    plan_.transforms = std::move(chosen.transforms);
    rule_of_ = std::move(chosen.rule_of);
    check_source();
    const std::vector<NamedView> inputs = views_of(checkpoint_);
    const FusedKeys fused_keys(rules_.fused_keys, rules_.base_model_prefix);
    const Facts known = known_facts();
    leave_alone_what_is_declared(fused_keys);
    const ConversionRequest request{plan_.transforms,
                                    to_fused_,
                                    fused_keys,
                                    known,
                                    options_.assume_layout,
                                    expert_counts(checkpoint_.config),
                                    remembered_names(),
                                    layer_count(checkpoint_.config),
                                    options_.allow_missing_layers || returns(),
                                    weight_block_size(checkpoint_.config),
                                    &values_.scope(),
                                    &outside_};
    Conversion conversion = convert_views(inputs, request, diagnostics_);
    diagnostics_.throw_if_errors();
    check_left_behind(inputs, conversion, request, allows_left_behind(), diagnostics_);
    diagnostics_.throw_if_errors();
    take_warnings();
    note_taken_along(conversion, inputs);
    plan_.transform_used = conversion.used;
    check_matches(checkpoint_, rules_, plan_, diagnostics_);
    TiedTensors tied(checkpoint_, rules_, plan_, diagnostics_);
    account(conversion, tied);
    diagnostics_.throw_if_errors();
    if (!options_.one_way) prove(inputs, conversion, request);
    diagnostics_.throw_if_errors();
    leave_out_filled(conversion);
    add_rest_of_whole(checkpoint_, rules_, conversion, plan_, diagnostics_);
    tied.add_outputs(conversion);
    values_.keep(conversion, plan_);
    const Conversion over_source = in_terms_of_source(inputs, request);
    add_conditions(conversion, over_source);
    diagnostics_.throw_if_errors();
    fill(conversion);
    fill_second_half(over_source);
    say_what_does_not_come_back(checkpoint_, plan_);
    edit_config(checkpoint_, rules_, plan_, diagnostics_);
    diagnostics_.throw_if_errors();
    const bool single = checkpoint_.single_file && !options_.max_shard_size && !checkpoint_.whole;
    lay_out(checkpoint_, options_.max_shard_size.value_or(kDefaultMaxShardSize).bytes, single,
            options_.max_shard_size.has_value(), plan_);
    plan_.hash = plan_hash(plan_, checkpoint_);
    return std::move(plan_);
  }

 private:
  // What a checkpoint lacks, or has that no rule is for, is told before what would come of it.
  void check_source() {
    check_weights_are_there(checkpoint_, rules_, plan_.transforms, to_fused_, diagnostics_);
    if (returns()) return;
    check_quantisation(checkpoint_, rules_, diagnostics_);
    if (!options_.allow_missing_layers) check_layers(checkpoint_, diagnostics_);
    diagnostics_.throw_if_errors();
  }

  // What was accepted on the way here is not asked again on the way back.
  bool returns() const { return checkpoint_.returns_to(options_.to); }
  bool allows_left_behind() const { return options_.allow_left_behind || returns(); }

  void take_warnings() {
    for (const auto& d : diagnostics_.all()) plan_.notes.push_back(d);
    diagnostics_ = {};
  }

  // A pattern that names the weight and is not anchored takes more than that: said, not left to be found out.
  void note_taken_along(const Conversion& conversion, const std::vector<NamedView>& inputs) {
    std::map<int, std::map<std::string, std::size_t>> taken;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      auto companion = companion_of(inputs[i].key);
      if (!companion) companion = stacked_companion_of(inputs[i].key);
      const int converter = conversion.converter_of[i];
      if (converter < 0 || !companion || companion->kind == CompanionKind::kWeight) continue;
      const auto& patterns = plan_.transforms[static_cast<std::size_t>(converter)].source_patterns;
      const bool named = std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
        return pattern.find(companion->suffix) != std::string::npos;
      });
      if (!named) ++taken[converter][companion->suffix];
    }
    for (const auto& [converter, suffixes] : taken) {
      std::vector<std::string> texts;
      for (const auto& [suffix, count] : suffixes) texts.push_back(fmt::format("{} ({})", suffix, count));
      note("plan-rules"_id,
           fmt::format("{} takes along {}", plan_.transforms[static_cast<std::size_t>(converter)].id(),
                       join_some(texts)));
    }
  }

  Place source_place(const std::string& inside = {}) const {
    return {checkpoint_.directory.string(), 0, 0, {}, inside, ""};
  }

  void note(ErrorId id, std::string message) {
    plan_.notes.push_back({Severity::kNote, id, {}, std::move(message), ""});
  }

  void refuse_converted() {
    if (!checkpoint_.manifest || checkpoint_.manifest->layout != options_.to) return;
    throw UserError("plan-already-there"_id, place_of(checkpoint_.directory / kManifestName),
                    fmt::format("this checkpoint is already in the {} layout", name_of(options_.to)),
                    fmt::format("Convert it the other way with --to {}.", name_of(opposite(options_.to))));
  }

  // A proof looks at positions: what is computed takes part in it as tensors of its own.
  void prove(const std::vector<NamedView>& inputs, const Conversion& conversion,
             const ConversionRequest& request) {
    if (!values_.take_part_in(plan_.transforms)) return prove_way_back(inputs, conversion, request);
    ConversionRequest in_proof = request;
    in_proof.values = &values_.in_proof();
    const Conversion positions = values_.positions(inputs, in_proof, dropped_);
    prove_way_back(inputs, positions, in_proof);
    values_.judge(plan_, diagnostics_);
  }

  void prove_way_back(const std::vector<NamedView>& inputs, const Conversion& conversion,
                      const ConversionRequest& request) {
    CheckedWayBack checked = check_way_back(inputs, dropped_, conversion, request, diagnostics_);
    plan_.names = std::move(checked.names);
    plan_.names.kept.insert(declared_.kept.begin(), declared_.kept.end());
    for (const std::uint32_t i : checked.forward_only) plan_.forward_only.push_back(inputs[i].key);
  }

  // Offsets of elements, and sizes of what is joined, must fit: a file of that size can only be a sparse one.
  void refuse_immense() {
    std::uint64_t elements = 0;
    for (const Tensor& tensor : checkpoint_.tensors) {
      const auto count = element_count(tensor.shape);
      const auto total = count ? checked_add(elements, *count) : std::nullopt;
      if (!total || *total > static_cast<std::uint64_t>(kMaxElements))
        throw UserError("plan-immense"_id, source_place(tensor.key),
                        fmt::format("with {} {} the checkpoint has more than 2^61 elements",
                                    name_of(tensor.dtype), to_string(tensor.shape)));
      elements = *total;
    }
  }

  // Keys that --assume-layout puts into the wanted layout stay as they are, but for those that a transpose
  // decides on by the same option.
  void leave_alone_what_is_declared(const FusedKeys& fused_keys) {
    if (checkpoint_.manifest || options_.assume_layout.empty()) return;
    KeyMapper mapper(plan_.transforms, to_fused_, fused_keys);
    for (const auto& tensor : checkpoint_.tensors) {
      const MappedKey mapped = mapper.map(tensor.key);
      const bool there = std::any_of(
          options_.assume_layout.begin(), options_.assume_layout.end(),
          [&](const auto& a) { return a.is_fused == to_fused_ && glob_matches(a.glob, tensor.key); });
      if (there && !decides_by_option(mapped.converter)) declared_.kept.emplace(tensor.key, tensor.key);
    }
  }

  bool decides_by_option(int converter) const {
    if (converter < 0) return false;
    const auto& written = plan_.transforms[static_cast<std::size_t>(converter)].written_operations;
    return std::any_of(written.begin(), written.end(), [](const auto& operation) {
      return operation.is_object() && operation.contains("Transpose") && operation["Transpose"].is_object() &&
             operation["Transpose"].value("check_dims", false);
    });
  }

  const RememberedNames* remembered_names() const {
    return checkpoint_.manifest ? &checkpoint_.manifest->names : &declared_;
  }

  Facts known_facts() const {
    if (to_fused_ || !checkpoint_.manifest) return {};
    Facts out = checkpoint_.manifest->facts;
    for (const auto& record : checkpoint_.manifest->source) {
      if (record.shape.empty()) out.scalars.insert(record.key);
    }
    return out;
  }

  // Every source tensor is converted, passed through, or dropped by a rule that says so.
  void account(Conversion& conversion, TiedTensors& tied) {
    plan_.fates.resize(checkpoint_.tensors.size());
    dropped_.assign(checkpoint_.tensors.size(), false);
    tell_fates_outside(checkpoint_, rules_, outside_, plan_);
    for (std::uint32_t i = 0; i < plan_.fates.size(); ++i) {
      if (outside_[i]) {
        dropped_[i] = true;
        continue;
      }
      SourceFate& fate = plan_.fates[i];
      const std::string& key = checkpoint_.tensors[i].key;
      fate.output = conversion.key_of[i];
      fate.transform = conversion.converter_of[i];
      const DropRule* const rule = to_fused_ ? drop_rule(key) : nullptr;
      const auto second_name = to_fused_ ? std::nullopt : tied.second_name(i);
      if (second_name) {
        fate = {SourceFate::Kind::kDropped, "", -1, *second_name};
        dropped_[i] = true;
      } else if (fate.transform >= 0) {
        fate.kind = SourceFate::Kind::kConverted;
      } else if (rule != nullptr && (rule->equals.empty() || tied.leaves_out(i, *rule))) {
        fate = {SourceFate::Kind::kDropped, "", -1, rule->reason};
        dropped_[i] = true;
      } else {
        fate.kind = fate.output == key ? SourceFate::Kind::kPassed : SourceFate::Kind::kRenamed;
      }
    }
    std::erase_if(conversion.outputs,
                  [&](const NamedView& o) { return o.inputs.size() == 1 && dropped_[o.inputs.front()]; });
    if (conversion.outputs.empty())
      diagnostics_.error("plan-nothing-left"_id, source_place(), "nothing is left to write");
  }

  // What came from another checkpoint is not the source's, and stays there: once the plan is proven.
  void leave_out_filled(Conversion& conversion) {
    if (!returns() || checkpoint_.manifest->filled.empty()) return;
    const auto& keys = checkpoint_.manifest->filled;
    const std::unordered_set<std::string> filled(keys.begin(), keys.end());
    std::erase_if(conversion.outputs, [&](const NamedView& o) { return filled.contains(o.key); });
    std::vector<bool> read(plan_.fates.size(), false);
    for (const auto& output : conversion.outputs) {
      for (const std::uint32_t i : output.inputs) read[i] = true;
    }
    for (std::size_t i = 0; i < read.size(); ++i) {
      if (!read[i] && !outside_[i] && plan_.fates[i].kind != SourceFate::Kind::kDropped)
        plan_.fates[i] = {SourceFate::Kind::kDropped, "", -1, "filled in from another checkpoint"};
    }
    note("fill-left-out"_id,
         fmt::format("{} {} filled in from another checkpoint on the way there, and left out again: {}",
                     counted(keys.size(), "tensor"), keys.size() == 1 ? "was" : "were", join_some(keys, 3)));
  }

  const DropRule* drop_rule(const std::string& key) const {
    for (const auto& rule : rules_.drops) {
      if (std::any_of(rule.keys.begin(), rule.keys.end(),
                      [&](const auto& glob) { return glob_matches(glob, key); }))
        return &rule;
    }
    return nullptr;
  }

  // The same once more over what the tensors here are made of. The plan is proven without it.
  Conversion in_terms_of_source(const std::vector<NamedView>& inputs, const ConversionRequest& request) {
    if (half_ == nullptr) return {};
    std::vector<NamedView> made = inputs;
    for (std::size_t i = 0; i < made.size(); ++i) made[i].view = half_->made[i];
    return convert_views(made, request, diagnostics_);
  }

  void fill_second_half(const Conversion& over_source) {
    if (half_ == nullptr) return;
    std::map<std::string, const View*> made;
    for (const auto& output : over_source.outputs) made.emplace(output.key, &output.view);
    for (const auto& copy : rules_.copies) {
      if (const auto from = made.find(copy.from); from != made.end()) made.emplace(copy.to, from->second);
    }
    for (const auto& output : plan_.outputs) half_->outputs.push_back(*made.at(output.key));
  }

  // What is cut off is looked at before anything is written.
  void add_conditions(Conversion& conversion, const Conversion& over_source) {
    for (std::size_t i = 0; i < conversion.cuts.size(); ++i) {
      Cut& cut = conversion.cuts[i];
      if (has_computed(cut.elements.view) && !cut.elements.any) {
        diagnostics_.error(
            "value-shape"_id, {"", 0, 0, {}, "", ""},
            describe(plan_.transforms[static_cast<std::size_t>(cut.transform)]) +
                ": what is cut off is computed, so that nobody can tell before whether it is zero",
            "Cut first, or say `any: true`.");
      }
      cut.elements.view.pieces = copies_of(cut.elements.view);
      if (cut.elements.view.pieces.empty()) continue;
      const std::string by = describe(plan_.transforms[static_cast<std::size_t>(cut.transform)]);
      if (cut.elements.any) {
        note("cut-off"_id,
             fmt::format(
                 "{}: {} of {} is cut off whatever it holds (`any: true`): unless it is zero, it does not "
                 "come back",
                 by, to_string(cut.elements.view.shape),
                 checkpoint_.tensors[cut.elements.view.pieces.front().source].key));
      }
      if (half_ != nullptr) {
        View view = over_source.cuts[i].elements.view;
        view.pieces = copies_of(view);
        half_->conditions.emplace(plan_.conditions.size(), std::move(view));
      }
      plan_.conditions.push_back({cut.elements.any ? Condition::Kind::kAnything : Condition::Kind::kZero,
                                  std::move(cut.elements.view), 0, 0, by});
    }
  }

  void fill(Conversion& conversion) {
    for (auto& output : conversion.outputs) {
      const auto bytes = byte_size(output.view.dtype, output.view.shape);
      if (!bytes || !moves_whole_bytes(output.view)) {
        diagnostics_.error("plan-sub-byte"_id, {"", 0, 0, {}, output.key, ""},
                           fmt::format("{} {}: its elements do not fall on whole bytes here",
                                       name_of(output.view.dtype), to_string(output.view.shape)),
                           "Elements smaller than a byte can be moved in runs of whole bytes only.");
        continue;
      }
      plan_.outputs.push_back(
          {std::move(output.key), std::move(output.view), output.transform, 0, 0, *bytes});
    }
    plan_.recipes = values_.scope().recipes.all();
    conversion.found.twins = std::move(plan_.facts.twins);
    plan_.facts = std::move(conversion.found);
    for (const auto& message : rules_.notes) note("plan-rules"_id, message);
    std::sort(conversion.notes.begin(), conversion.notes.end());
    conversion.notes.erase(std::unique(conversion.notes.begin(), conversion.notes.end()),
                           conversion.notes.end());
    for (const auto& message : conversion.notes) note("plan-assumed"_id, message);
    plan_.rule_used.assign(rules_.transforms.size(), false);
    for (std::size_t i = 0; i < plan_.transforms.size(); ++i) {
      if (!plan_.transform_used[i]) continue;
      plan_.used_ids.push_back(plan_.transforms[i].id());
      plan_.rule_used[rule_of_[i]] = true;
    }
  }

  const Checkpoint& checkpoint_;
  const RuleSet& rules_;
  const Options& options_;
  SecondHalf* half_;
  bool to_fused_;
  // by tensor: none of the part that the rules are about; no rule sees it
  std::vector<bool> outside_;
  Plan plan_;
  std::vector<bool> dropped_;
  std::vector<std::size_t> rule_of_;  // by transform of the plan: its place in the rules' own list
  ChangedValues values_;
  RememberedNames declared_;  // keys that the user says are there already
  Diagnostics diagnostics_;
};

}  // namespace

Plan build_plan(const Checkpoint& checkpoint, const RuleSet& rules, const Options& options,
                SecondHalf* half) {
  return PlanBuilder(checkpoint, rules, options, half).run();
}

}  // namespace tenon
