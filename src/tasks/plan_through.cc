// From one runtime's layout to another's: the first half undoes the rules of the one, the second applies
// those of the other. Between the two lies a checkpoint that nobody writes. Each half is a plan with a proof
// of its own; the second one's views are made once more over what the first half's outputs are views of.
#include "tasks/plan_through.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "checkpoint/config.h"
#include "checkpoint/file.h"
#include "plan/build_plan.h"
#include "plan/dump_plan.h"
#include "plan/part_config.h"

namespace tenon {
namespace {

bool returns_through(const Checkpoint& source, const Options& options, const Manifest* again) {
  return again == nullptr && options.from_rules.empty() && options.rules.empty() && options.fuse.empty() &&
         source.returns_to(options.to) && source.manifest->through.is_object();
}

class ThroughPlanner {
 public:
  ThroughPlanner(PlannedConversion& planned, const Options& options, const Library& library,
                 const Manifest* again)
      : planned_(planned), options_(options), library_(library), again_(again) {}

  void run() {
    returns_ = returns_through(planned_.source, options_, again_);
    auto through = std::make_shared<ThroughLayout>();
    first_half(*through);
    SecondHalf half;
    second_half(*through, half);
    planned_.plan = of_both(*through, half);
    planned_.through = std::move(through);
  }

 private:
  std::string manifest_file() const { return (planned_.source.directory / kManifestName).string(); }

  bool is_family(const std::string& name) const {
    const auto& families = library_.families();
    return std::any_of(families.begin(), families.end(), [&](const auto& f) { return f.name == name; });
  }

  void first_half(ThroughLayout& through) {
    Options options = options_;
    options.to = Layout::kOriginal;
    options.from_rules.clear();
    if (!returns_) {
      options.rules.clear();
      options.fuse.clear();
      for (const auto& name : options_.from_rules)
        (is_family(name) ? options.fuse : options.rules).push_back(name);
      // What the source came from is of no account: --from-rules says what it is, and in which layout.
      if (again_ == nullptr && options.assume_layout.empty()) options.assume_layout = {{"**", true}};
      planned_.source.manifest.reset();
    }
    const auto again =
        again_ == nullptr ? std::nullopt : std::optional(first_half_of(*again_, manifest_file()));
    through.rules = choose_rules(options, planned_.source, library_, {again ? &*again : nullptr, false});
    through.plan = build_plan(planned_.source, through.rules, options);
    const auto& used = through.plan.transform_used;
    if (!returns_ && std::find(used.begin(), used.end(), true) == used.end())
      throw UserError("pair-other-layout"_id, place_of(planned_.source.path),
                      fmt::format("no rule of {} finds a key to take back: this is not in their fused layout",
                                  fmt::join(through.rules.chosen, ", ")),
                      "--from-rules names the rules of the layout that the source is in.");
    through.between = between(through.plan);
  }

  // The checkpoint that the first half would write.
  Checkpoint between(const Plan& plan) const {
    Checkpoint out = planned_.source;
    out.tensors.clear();
    for (const auto& output : plan.outputs)
      out.tensors.push_back({output.key, output.view.dtype, output.view.shape, 0, 0, output.bytes});
    if (plan.config_text) {
      out.config_text = *plan.config_text;
      out.config = parse_config(out.config_text, (out.directory / "config.json").string());
    }
    out.manifest.reset();
    if (returns_) out.manifest = first_half_of(*planned_.source.manifest, manifest_file());
    return out;
  }

  void second_half(ThroughLayout& through, SecondHalf& half) {
    Options options = options_;
    options.to = Layout::kFused;
    options.from_rules.clear();
    if (!returns_ && again_ == nullptr && options.rules.empty() && options.fuse.empty())
      throw UserError("pair-needs-rules"_id, {"--from-rules", 0, 0, {}, "", ""},
                      "no rules say which layout it is to get",
                      "Name them with --rules or --fuse; without --from-rules, --to original takes it to its "
                      "publisher's layout.");
    if (!returns_ && again_ == nullptr && options.assume_layout.empty())
      options.assume_layout = {{"**", false}};
    planned_.rules = choose_rules(options, through.between, library_, {again_, false});
    for (const auto& output : through.plan.outputs) half.made.push_back(output.view);
    through.second = build_plan(through.between, planned_.rules, options, &half);
    if (!through.plan.recipes.empty() || !through.second.recipes.empty())
      throw UserError("pair-values"_id, place_of(planned_.source.path),
                      "these rules change values, which a conversion from layout to layout does not",
                      "Make two conversions of it: --to original first.");
  }

  Plan of_both(const ThroughLayout& through, const SecondHalf& half) const {
    const Plan& first = through.plan;
    Plan out = through.second;
    const int own = static_cast<int>(first.transforms.size());
    for (std::size_t i = 0; i < out.outputs.size(); ++i) {
      PlannedTensor& output = out.outputs[i];
      const std::uint32_t from = first_source(output.view);
      output.transform = output.transform >= 0 ? output.transform + own : first.outputs[from].transform;
      output.view = half.outputs[i];
    }
    out.transforms = first.transforms;
    append(out.transforms, through.second.transforms);
    out.transform_used = first.transform_used;
    out.transform_used.insert(out.transform_used.end(), through.second.transform_used.begin(),
                              through.second.transform_used.end());
    out.notes = first.notes;
    out.notes.push_back({Severity::kNote,
                         "pair-through"_id,
                         {},
                         fmt::format("from {} through the original layout: {} tensors there",
                                     fmt::join(through.rules.chosen, ", "), first.outputs.size()),
                         ""});
    append(out.notes, through.second.notes);
    fates(through, out);
    conditions(through, half, out);
    config(through, out);
    out.hash = plan_hash(out, planned_.source);
    return out;
  }

  template <typename T>
  static void append(std::vector<T>& list, const std::vector<T>& more) {
    list.insert(list.end(), more.begin(), more.end());
  }

  static std::uint32_t first_source(const View& view) {
    for (const Piece& piece : view.pieces) {
      if (const auto sources = sources_of(piece); !sources.empty()) return sources.front();
    }
    return 0;
  }

  void fates(const ThroughLayout& through, Plan& out) const {
    std::map<std::string, std::size_t> at;
    for (std::size_t i = 0; i < through.between.tensors.size(); ++i)
      at.emplace(through.between.tensors[i].key, i);
    const int own = static_cast<int>(through.plan.transforms.size());
    out.fates = through.plan.fates;
    for (SourceFate& fate : out.fates) {
      const auto found = at.find(fate.output);
      if (fate.kind == SourceFate::Kind::kDropped || found == at.end()) continue;
      const SourceFate& next = through.second.fates[found->second];
      if (next.kind == SourceFate::Kind::kConverted) {
        fate = {next.kind, next.output, next.transform + own, ""};
      } else if (next.kind == SourceFate::Kind::kDropped) {
        fate = next;
      } else {
        fate.output = next.output;
      }
    }
    for (std::size_t i = 0; i < out.fates.size(); ++i) {
      SourceFate& fate = out.fates[i];
      if (fate.kind != SourceFate::Kind::kRenamed && fate.kind != SourceFate::Kind::kPassed) continue;
      const bool same = fate.output == planned_.source.tensors[i].key;
      fate.kind = same ? SourceFate::Kind::kPassed : SourceFate::Kind::kRenamed;
    }
  }

  void conditions(const ThroughLayout& through, const SecondHalf& half, Plan& out) const {
    out.conditions = through.plan.conditions;
    for (std::size_t i = 0; i < through.second.conditions.size(); ++i) {
      Condition condition = through.second.conditions[i];
      if (const auto view = half.conditions.find(i); view != half.conditions.end()) {
        condition.view = view->second;
      } else {
        condition.first = whole_source(through, condition.first);
        condition.second = whole_source(through, condition.second);
      }
      out.conditions.push_back(std::move(condition));
    }
  }

  // The tensor of the source that stands in between as it is: two that are to be equal are compared as files
  // have them.
  std::uint32_t whole_source(const ThroughLayout& through, std::uint32_t between) const {
    const View& view = through.plan.outputs[between].view;
    const std::uint32_t source = first_source(view);
    if (!is_identity(view, source))
      throw UserError("pair-values"_id, place_of(planned_.source.path),
                      fmt::format("{} is to be compared with another tensor, and is not one of the source",
                                  through.between.tensors[between].key),
                      "Make two conversions of it: --to original first.");
    return source;
  }

  void config(const ThroughLayout& through, Plan& out) const {
    if (!out.config_text) out.config_text = through.plan.config_text;
    out.config_before.reset();
    out.config_edits.clear();
    if (!out.config_text) return;
    out.config_edits =
        config_differences(planned_.source.config, parse_config(*out.config_text, "config.json"));
    out.config_before = planned_.source.config_text;
  }

  PlannedConversion& planned_;
  const Options& options_;
  const Library& library_;
  const Manifest* again_;
  bool returns_ = false;
};

}  // namespace

bool goes_through_another(const Checkpoint& source, const Options& options, const Manifest* again) {
  if (again != nullptr) return again->through.is_object();
  return !options.from_rules.empty() || returns_through(source, options, again);
}

void plan_through(PlannedConversion& planned, const Options& options, const Library& library,
                  Observer& observer, const Manifest* again) {
  if (!options.from_rules.empty() && options.to == Layout::kOriginal)
    throw UserError("pair-needs-rules"_id, {"--from-rules", 0, 0, {}, "", ""},
                    "with --to original the source goes to its publisher's layout, and no further",
                    "Name the rules with --rules for that.");
  {
    const Timer timer(planned.timings, "plan");
    ThroughPlanner(planned, options, library, again).run();
  }
  observer.throw_if_stopped();
}

}  // namespace tenon
