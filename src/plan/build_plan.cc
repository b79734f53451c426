#include "plan/build_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/checked.h"
#include "base/text.h"
#include "checkpoint/file.h"
#include "plan/check_plan.h"
#include "plan/convert_views.h"
#include "plan/dump_plan.h"
#include "plan/edit_config.h"
#include "plan/lay_out.h"
#include "rules/invert.h"

namespace tenon {
namespace {

std::vector<NamedView> inputs_of(const Checkpoint& checkpoint) {
  std::vector<NamedView> out;
  out.reserve(checkpoint.tensors.size());
  for (std::uint32_t i = 0; i < checkpoint.tensors.size(); ++i) {
    const Tensor& t = checkpoint.tensors[i];
    out.push_back({t.key, identity_view(i, t.dtype, t.shape), -1, {i}});
  }
  return out;
}

// How many experts a layer may have, by the config: nothing where it says nothing. Some models keep tensors
// for the experts that only pass their input on (`zero_expert_num`) and leave others of their tensors out.
std::vector<std::int64_t> expert_counts(const nlohmann::ordered_json& config) {
  const auto text = config.find("text_config");
  const auto* const part = text != config.end() && text->is_object() ? &*text : &config;
  const auto value = [&](const char* name) -> std::int64_t {
    for (const auto* node : {part, &config}) {
      const auto found = node->find(name);
      if (found != node->end() && found->is_number_integer() && found->get<std::int64_t>() > 0)
        return found->get<std::int64_t>();
    }
    return 0;
  };
  for (const char* const name : {"num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"}) {
    const std::int64_t count = value(name);
    const auto with_idle = checked_add(count, value("zero_expert_num"));
    if (count > 0)
      return with_idle.value_or(count) > count ? std::vector{count, *with_idle} : std::vector{count};
  }
  return {};
}

bool contains(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

class PlanBuilder {
 public:
  PlanBuilder(const Checkpoint& checkpoint, const RuleSet& rules, const PlanOptions& options)
      : checkpoint_(checkpoint), rules_(rules), options_(options), to_fused_(options.to == Layout::kFused) {
    plan_.to = options.to;
  }

  Plan run() {
    refuse_converted();
    refuse_immense();
    choose_direction();
    const std::vector<NamedView> inputs = inputs_of(checkpoint_);
    const FusedKeys fused_keys(rules_.fused_keys, rules_.base_model_prefix);
    const Facts known = known_facts();
    const ConversionRequest request{plan_.transforms,
                                    to_fused_,
                                    fused_keys,
                                    known,
                                    options_.assume_layout,
                                    expert_counts(checkpoint_.config)};
    Conversion conversion = convert_views(inputs, request, diagnostics_);
    diagnostics_.throw_if_errors();
    check_matches(conversion);
    account(conversion);
    diagnostics_.throw_if_errors();
    if (!options_.one_way) check_way_back(inputs, dropped_, conversion, request, diagnostics_);
    diagnostics_.throw_if_errors();
    fill(conversion);
    edit_config(checkpoint_, rules_, plan_, diagnostics_);
    diagnostics_.throw_if_errors();
    const bool single = checkpoint_.single_file && !options_.max_shard_size;
    lay_out(checkpoint_, options_.max_shard_size.value_or(kDefaultMaxShardSize), single, plan_);
    plan_.hash = plan_hash(plan_, checkpoint_);
    return std::move(plan_);
  }

 private:
  Place source_place(const std::string& inside = {}) const {
    return {checkpoint_.directory.string(), 0, 0, {}, inside, ""};
  }

  void note(std::string message) { plan_.notes.push_back({Severity::kNote, "", {}, std::move(message), ""}); }

  void refuse_converted() {
    if (!checkpoint_.manifest || checkpoint_.manifest->layout != options_.to) return;
    throw UserError(place_of(checkpoint_.directory / kManifestName),
                    fmt::format("this checkpoint is already in the {} layout", name_of(options_.to)),
                    fmt::format("Convert it the other way with --to {}.",
                                name_of(to_fused_ ? Layout::kOriginal : Layout::kFused)));
  }

  // Offsets of elements, and sizes of what is joined, must fit: a file of that size can only be a sparse one.
  void refuse_immense() {
    std::uint64_t elements = 0;
    for (const Tensor& tensor : checkpoint_.tensors) {
      const auto count = element_count(tensor.shape);
      const auto total = count ? checked_add(elements, *count) : std::nullopt;
      if (!total || *total > static_cast<std::uint64_t>(kMaxElements))
        throw UserError(source_place(tensor.key),
                        fmt::format("with {} {} the checkpoint has more than 2^61 elements",
                                    name_of(tensor.dtype), to_string(tensor.shape)));
      elements = *total;
    }
  }

  // Forward every transform applies. On the way back only what was used on the way there is inverted; where
  // no manifest tells, all but the PrefixChanges, which may have found nothing to do.
  void choose_direction() {
    if (to_fused_) {
      plan_.transforms = rules_.transforms;
      return;
    }
    if (checkpoint_.manifest) {
      const auto& used = checkpoint_.manifest->used_transforms;
      plan_.transforms =
          invert(rules_.transforms, [&](const Transform& t) { return contains(used, t.id()); });
      return;
    }
    plan_.transforms = invert(rules_.transforms, [&](const Transform& t) {
      return t.kind != TransformKind::kPrefixChange || contains(options_.assume_used, t.id()) ||
             contains(options_.assume_used, t.rule);
    });
    note(fmt::format(
        "no {}: every transform is inverted but {} PrefixChanges (--assume-used NAME inverts those too)",
        kManifestName,
        std::count_if(rules_.transforms.begin(), rules_.transforms.end(), [&](const Transform& t) {
          return t.kind == TransformKind::kPrefixChange && !contains(options_.assume_used, t.id()) &&
                 !contains(options_.assume_used, t.rule);
        })));
  }

  Facts known_facts() const {
    if (to_fused_ || !checkpoint_.manifest) return {};
    return {checkpoint_.manifest->part_sizes, checkpoint_.manifest->transposed};
  }

  // Transforms and families that match nothing: a note, an error where they must match.
  void check_matches(const Conversion& conversion) {
    plan_.transform_used = conversion.used;
    bool any = false;
    std::vector<std::string> families_at_work;
    for (std::size_t i = 0; i < plan_.transforms.size(); ++i) {
      const Transform& t = plan_.transforms[i];
      any = any || conversion.used[i];
      if (conversion.used[i] && t.from_family) families_at_work.push_back(t.rule);
      if (!conversion.used[i] && t.required && to_fused_) {
        diagnostics_.error(t.place,
                           fmt::format("{} must match, but matches no key of {}", describe(t),
                                       checkpoint_.directory.string()),
                           "The rule says `required: true`: this is not the checkpoint that it is for.");
      }
    }
    for (const auto& family : rules_.families) {
      const bool at_work =
          contains(families_at_work, family.name) || contains(rules_.filtering_families, family.name);
      if (at_work || family.transforms.empty()) continue;
      diagnostics_.error(
          place_of(family.path),
          fmt::format("family '{}' matches nothing in {}", family.name, checkpoint_.directory.string()),
          "The checkpoint has none of the modules that it is for, or is in the other layout already.");
    }
    if (any) return;
    refuse_without_manifest();
    note("no transform applies to this checkpoint: it is converted to itself");
  }

  // Nothing applies, but something would the other way round: the checkpoint is in the wanted layout already.
  // A manifest that says otherwise is right: rules that only serve old checkpoints found nothing to do on the
  // way here.
  void refuse_without_manifest() {
    if (checkpoint_.manifest) return;
    for (const auto& transform : the_other_way()) {
      KeyRewriter rewriter(transform);
      for (const auto& tensor : checkpoint_.tensors) {
        if (!rewriter.apply(tensor.key)) continue;
        throw UserError(
            source_place(tensor.key),
            fmt::format("this checkpoint is already in the {} layout: no transform applies, and this "
                        "key is what {} {}",
                        name_of(options_.to), describe(to_fused_ ? invert(transform) : transform),
                        to_fused_ ? "makes" : "takes"),
            fmt::format("Convert it the other way with --to {}.",
                        name_of(to_fused_ ? Layout::kOriginal : Layout::kFused)));
      }
    }
  }

  // Of the way back only the converters tell: a renaming's target may well stand in a publisher's keys.
  std::vector<Transform> the_other_way() const {
    if (!to_fused_) return rules_.transforms;
    std::vector<Transform> back;
    for (const auto& t : rules_.transforms) {
      if (t.kind == TransformKind::kWeightConverter && t.source_patterns != t.target_patterns)
        back.push_back(invert(t));
    }
    return back;
  }

  // Every source tensor is converted, passed through, or dropped by a rule that says so.
  void account(Conversion& conversion) {
    plan_.fates.resize(checkpoint_.tensors.size());
    dropped_.assign(checkpoint_.tensors.size(), false);
    for (std::size_t i = 0; i < plan_.fates.size(); ++i) {
      SourceFate& fate = plan_.fates[i];
      const std::string& key = checkpoint_.tensors[i].key;
      fate.output = conversion.key_of[i];
      fate.transform = conversion.converter_of[i];
      if (fate.transform >= 0) {
        fate.kind = SourceFate::Kind::kConverted;
      } else if (const DropRule* rule = to_fused_ ? drop_rule(key) : nullptr) {
        fate = {SourceFate::Kind::kDropped, "", -1, rule->reason};
        dropped_[i] = true;
      } else {
        fate.kind = fate.output == key ? SourceFate::Kind::kPassed : SourceFate::Kind::kRenamed;
      }
    }
    std::erase_if(conversion.outputs,
                  [&](const NamedView& o) { return o.inputs.size() == 1 && dropped_[o.inputs.front()]; });
    if (conversion.outputs.empty()) diagnostics_.error(source_place(), "nothing is left to write");
  }

  const DropRule* drop_rule(const std::string& key) const {
    for (const auto& rule : rules_.drops) {
      if (std::any_of(rule.keys.begin(), rule.keys.end(),
                      [&](const auto& glob) { return glob_matches(glob, key); }))
        return &rule;
    }
    return nullptr;
  }

  void fill(Conversion& conversion) {
    for (auto& output : conversion.outputs) {
      const auto bytes = byte_size(output.view.dtype, output.view.shape);
      if (!bytes || !moves_whole_bytes(output.view)) {
        diagnostics_.error({"", 0, 0, {}, output.key, ""},
                           fmt::format("{} {}: its elements do not fall on whole bytes here",
                                       name_of(output.view.dtype), to_string(output.view.shape)),
                           "Elements smaller than a byte can be moved in runs of whole bytes only.");
        continue;
      }
      plan_.outputs.push_back(
          {std::move(output.key), std::move(output.view), output.transform, 0, 0, *bytes});
    }
    plan_.part_sizes = std::move(conversion.found.part_sizes);
    plan_.transposed = std::move(conversion.found.transposed);
    for (const auto& message : rules_.notes) note(message);
    std::sort(conversion.notes.begin(), conversion.notes.end());
    conversion.notes.erase(std::unique(conversion.notes.begin(), conversion.notes.end()),
                           conversion.notes.end());
    for (const auto& message : conversion.notes) note(message);
    for (std::size_t i = 0; i < plan_.transforms.size(); ++i) {
      if (plan_.transform_used[i]) plan_.used_ids.push_back(plan_.transforms[i].id());
    }
  }

  static bool moves_whole_bytes(const View& view) {
    const int bits = bits_of(view.dtype);
    if (bits % 8 == 0) return true;
    return std::all_of(view.pieces.begin(), view.pieces.end(), [&](const Piece& piece) {
      if (piece.source_offset * bits % 8 != 0 || piece.output_offset * bits % 8 != 0 || piece.loops.empty())
        return false;
      const Loop& run = piece.loops.back();
      if (run.source_stride != 1 || run.output_stride != 1 || run.extent * bits % 8 != 0) return false;
      return std::all_of(piece.loops.begin(), piece.loops.end() - 1, [&](const Loop& loop) {
        return loop.source_stride * bits % 8 == 0 && loop.output_stride * bits % 8 == 0;
      });
    });
  }

  const Checkpoint& checkpoint_;
  const RuleSet& rules_;
  const PlanOptions& options_;
  bool to_fused_;
  Plan plan_;
  std::vector<bool> dropped_;
  Diagnostics diagnostics_;
};

}  // namespace

Plan build_plan(const Checkpoint& checkpoint, const RuleSet& rules, const PlanOptions& options) {
  return PlanBuilder(checkpoint, rules, options).run();
}

}  // namespace tenon
