#include "plan/choose_transforms.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "plan/decide_layout.h"
#include "rules/invert.h"

namespace tenon {
namespace {

class TransformChoice {
 public:
  TransformChoice(const Checkpoint& checkpoint, const RuleSet& rules, const Options& options,
                  std::vector<Diagnostic>& notes)
      : checkpoint_(checkpoint),
        rules_(rules),
        options_(options),
        notes_(notes),
        to_fused_(options.to == Layout::kFused) {}

  ChosenTransforms run() {
    if (rules_.used) {
      apply([&](std::size_t i) { return (*rules_.used)[i]; });
    } else if (checkpoint_.manifest) {
      const auto& used = checkpoint_.manifest->used_transforms;
      apply([&](std::size_t i) { return to_fused_ || is_listed(used, rules_.transforms[i].id()); });
    } else {
      const std::vector<Transform> back =
          invert(rules_.transforms, [&](const Transform& t) { return may_be_inverted(t); });
      // Whether it is the whole or the part says which layout it is in.
      if (!rules_.part) {
        for (auto& message : require_layout(checkpoint_, rules_, back, options_))
          note("plan-near-miss"_id, std::move(message));
      }
      apply([&](std::size_t i) { return to_fused_ || may_be_inverted(rules_.transforms[i]); });
      if (!to_fused_) say_what_is_not_inverted();
    }
    return std::move(chosen_);
  }

 private:
  // Takes those that `keep` names, inverted on the way back.
  template <typename Keep>
  void apply(const Keep& keep) {
    const std::size_t count = rules_.transforms.size();
    for (std::size_t n = 0; n < count; ++n) {
      const std::size_t i = to_fused_ ? n : count - 1 - n;
      const Transform& t = rules_.transforms[i];
      if (!keep(i) || (!to_fused_ && t.forward_only)) continue;
      chosen_.transforms.push_back(to_fused_ ? t : invert(t));
      chosen_.rule_of.push_back(i);
    }
  }

  bool may_be_inverted(const Transform& t) const {
    return t.kind != TransformKind::kPrefixChange || is_assumed(t);
  }

  bool is_assumed(const Transform& t) const {
    return is_listed(options_.assume_used, t.id()) || is_listed(options_.assume_used, t.rule);
  }

  // A PrefixChange may have found nothing to do; that only a person can know. Names what could be vouched
  // for.
  void say_what_is_not_inverted() {
    std::vector<std::string> names;
    std::vector<std::string> known;
    std::size_t left_out = 0;
    for (const auto& t : rules_.transforms) {
      if (t.kind != TransformKind::kPrefixChange) continue;
      for (const auto& name : {t.id(), t.rule}) {
        if (!is_listed(known, name)) known.push_back(name);
      }
      if (is_assumed(t)) continue;
      ++left_out;
      std::string what = fmt::format("{} ({})", t.id(), t.rule);
      if (!is_listed(names, what)) names.push_back(std::move(what));
    }
    refuse_unknown_assumptions(known);
    note("plan-assumed"_id,
         left_out == 0
             ? fmt::format("no {}: every transform is inverted", kManifestName)
             : fmt::format(
                   "no {}: every transform is inverted but {} {} that may have found nothing to do: {} "
                   "(--assume-used NAME inverts those too)",
                   kManifestName, left_out, left_out == 1 ? "PrefixChange" : "PrefixChanges",
                   join_some(names)));
  }

  void refuse_unknown_assumptions(const std::vector<std::string>& known) const {
    Diagnostics diagnostics;
    for (const auto& name : options_.assume_used) {
      if (is_listed(known, name)) continue;
      const auto near = nearest(name, known, 3);
      diagnostics.add({Severity::kError,
                       "plan-unknown-assumption"_id,
                       {"--assume-used", 0, 0, {}, "", ""},
                       fmt::format("'{}' names no PrefixChange of these rules", name),
                       known.empty() ? "They have none."
                       : near.empty()
                           ? fmt::format("There {}: {}.", known.size() == 1 ? "is" : "are", join_some(known))
                           : fmt::format("Near: {}.", join_some(near))});
    }
    diagnostics.throw_if_errors();
  }

  void note(ErrorId id, std::string message) {
    notes_.push_back({Severity::kNote, id, {}, std::move(message), ""});
  }

  const Checkpoint& checkpoint_;
  const RuleSet& rules_;
  const Options& options_;
  std::vector<Diagnostic>& notes_;
  bool to_fused_;
  ChosenTransforms chosen_;
};

}  // namespace

ChosenTransforms choose_transforms(const Checkpoint& checkpoint, const RuleSet& rules, const Options& options,
                                   std::vector<Diagnostic>& notes) {
  return TransformChoice(checkpoint, rules, options, notes).run();
}

}  // namespace tenon
