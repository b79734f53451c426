#include "plan/check_matches.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "checkpoint/file.h"

namespace tenon {
namespace {

class MatchCheck {
 public:
  MatchCheck(const Checkpoint& checkpoint, const RuleSet& rules, Plan& plan, Diagnostics& diagnostics)
      : checkpoint_(checkpoint), rules_(rules), plan_(plan), diagnostics_(diagnostics) {}

  void run() {
    bool any = false;
    std::vector<std::string> families_at_work;
    for (std::size_t i = 0; i < plan_.transforms.size(); ++i) {
      const Transform& t = plan_.transforms[i];
      any = any || plan_.transform_used[i];
      if (plan_.transform_used[i] && t.from_family && !is_listed(families_at_work, t.rule))
        families_at_work.push_back(t.rule);
      if (!plan_.transform_used[i] && t.required && to_fused()) {
        diagnostics_.error("plan-required-unmatched"_id, t.place,
                           fmt::format("{} must match, but matches no key of {}", describe(t),
                                       checkpoint_.directory.string()),
                           "The rule says `required: true`: this is not the checkpoint that it is for.");
      }
    }
    for (const auto& family : rules_.families) {
      const bool at_work =
          is_listed(families_at_work, family.name) || is_listed(rules_.filtering_families, family.name);
      if (at_work || family.transforms.empty()) continue;
      std::vector<std::string> others = families_at_work;
      std::erase(others, family.name);
      diagnostics_.error(
          "plan-family-unmatched"_id, place_of(family.path),
          fmt::format("family '{}' matches nothing in {}", family.name, checkpoint_.directory.string()),
          others.empty()
              ? "The checkpoint has none of the modules that it is for, or is in the other layout already."
              : fmt::format(
                    "{} {} at work here: what takes the keys of another goes behind it in one order and "
                    "not in the other. Try --fuse {} --fuse {}.",
                    join_some(others), others.size() == 1 ? "is" : "are", fmt::join(others, " --fuse "),
                    family.name));
    }
    if (!checkpoint_.manifest) say_what_finds_nothing();
    if (any || !rules_.drops.empty() || !rules_.copies.empty()) return;
    note("plan-nothing-to-do"_id,
         rules_.has_none ? "it is converted to itself"
                         : "no transform applies to this checkpoint: its two layouts are one, and it is "
                           "converted to itself");
  }

 private:
  // Rules of the user's own that find no key are a slip, or another checkpoint's; the library's are many, and
  // most of them serve other models.
  void say_what_finds_nothing() {
    for (std::size_t i = 0; i < plan_.transforms.size(); ++i) {
      const Transform& t = plan_.transforms[i];
      if (plan_.transform_used[i] || t.from_library || t.from_family ||
          t.kind == TransformKind::kPrefixChange)
        continue;
      note("plan-finds-nothing"_id,
           fmt::format("{} found no key{}", describe(t), near_keys(t.source_patterns)));
    }
    if (!to_fused()) return;
    for (const DropRule& rule : rules_.drops) {
      for (const auto& glob : rule.keys) {
        if (std::any_of(checkpoint_.tensors.begin(), checkpoint_.tensors.end(),
                        [&](const Tensor& t) { return glob_matches(glob, t.key); }))
          continue;
        note("plan-finds-nothing"_id, fmt::format("drop '{}' found no key{}", glob, near_keys({glob})));
      }
    }
  }

  std::string near_keys(const std::vector<std::string>& wanted) const {
    constexpr std::size_t kMostKeys = 5000;  // comparing with more takes longer than a plan
    if (checkpoint_.tensors.size() > kMostKeys) return "";
    std::vector<std::string> keys;
    for (const auto& tensor : checkpoint_.tensors) keys.push_back(tensor.key);
    std::vector<std::string> near;
    for (const auto& text : wanted) {
      std::string plain = text;
      std::erase_if(plain, [](char c) { return c == '\\' || c == '^' || c == '$'; });
      for (auto& key : nearest(plain, keys, 1)) near.push_back(std::move(key));
    }
    return near.empty() ? "" : fmt::format("; near: {}", join_some(near, 3));
  }

  bool to_fused() const { return plan_.to == Layout::kFused; }

  void note(ErrorId id, std::string message) {
    plan_.notes.push_back({Severity::kNote, id, {}, std::move(message), ""});
  }

  const Checkpoint& checkpoint_;
  const RuleSet& rules_;
  Plan& plan_;
  Diagnostics& diagnostics_;
};

}  // namespace

void check_matches(const Checkpoint& checkpoint, const RuleSet& rules, Plan& plan, Diagnostics& diagnostics) {
  MatchCheck(checkpoint, rules, plan, diagnostics).run();
}

}  // namespace tenon
