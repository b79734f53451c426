#include "plan/decide_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <stdexcept>

#include "base/text.h"
#include "plan/check_foreign.h"
#include "rules/invert.h"
#include "rules/operations/layout_operation.h"

namespace tenon {
namespace {

// A key that a converter would take if it looked elsewhere.
struct NearMiss {
  std::string key;
  std::string place;  // where the converter looks: "model.language_model"
  std::string id;
  bool takes_apart = false;  // what it would make of the key is more than one tensor
};

std::string place_of(const Scope& scope) {
  if (scope.base_model_prefix.empty() || scope.scope_prefix.empty())
    return scope.base_model_prefix + scope.scope_prefix;
  return scope.base_model_prefix + "." + scope.scope_prefix;
}

class LayoutGuard {
 public:
  LayoutGuard(const Checkpoint& checkpoint, const RuleSet& rules, const std::vector<Transform>& back,
              const Options& options)
      : checkpoint_(checkpoint), rules_(rules), back_(back), options_(options) {}

  std::vector<std::string> run() {
    if (const auto declared = declared_layout()) {
      if (*declared == options_.to)
        throw UserError(
            "plan-already-there"_id, {"--assume-layout", 0, 0, {}, "", ""},
            fmt::format("it says that this checkpoint is already in the {} layout", name_of(options_.to)));
      return {};
    }
    if (options_.to == Layout::kOriginal) refuse_published_so();
    evidence_ = layout_evidence(checkpoint_, rules_, back_, options_.assume_layout);
    const bool to_fused = options_.to == Layout::kFused;
    const LayoutTrial& wanted = to_fused ? evidence_.forward : evidence_.back;
    using Verdict = LayoutEvidence::Verdict;
    const Verdict there = to_fused ? Verdict::kFused : Verdict::kOriginal;
    const Verdict verdict = evidence_.verdict();
    if (verdict == there) refuse_there();
    if (verdict == Verdict::kEither && !all_is_declared()) refuse_either();
    if (verdict == Verdict::kNeither) {
      // Keys of neither form, or of both: what is not changed by the one way and converted by the other is
      // there already, if nothing is left to do.
      const bool left_to_do = to_fused ? evidence_.only_forward() >= 0 : evidence_.only_back() >= 0;
      if (!left_to_do && taken_only_by_the_other(wanted) >= 0) refuse_there();
    }
    std::vector<std::string> notes = near_misses(verdict == Verdict::kOne, wanted);
    if (verdict == Verdict::kOne) {
      Diagnostics diagnostics;
      check_foreign(checkpoint_, rules_, options_.allow_missing_layers, diagnostics);
      diagnostics.throw_if_errors();
    }
    return notes;
  }

 private:
  // What --assume-layout says of every key.
  std::optional<Layout> declared_layout() const {
    for (const auto& [glob, is_fused] : options_.assume_layout) {
      if (glob == "**") return is_fused ? Layout::kFused : Layout::kOriginal;
    }
    return std::nullopt;
  }

  // Narrower globs say it of every key that would change.
  bool all_is_declared() const {
    for (std::size_t i = 0; i < checkpoint_.tensors.size(); ++i) {
      const std::string& key = checkpoint_.tensors[i].key;
      if (!evidence_.forward.touched[i] && !evidence_.back.touched[i]) continue;
      if (std::none_of(options_.assume_layout.begin(), options_.assume_layout.end(),
                       [&](const auto& a) { return glob_matches(a.glob, key); }))
        return false;
    }
    return true;
  }

  const LayoutTrial& other_trial() const {
    return options_.to == Layout::kFused ? evidence_.back : evidence_.forward;
  }

  std::ptrdiff_t taken_only_by_the_other(const LayoutTrial& wanted) const {
    const LayoutTrial& other = other_trial();
    for (std::size_t i = 0; i < other.taken.size(); ++i) {
      if (other.taken[i] && !wanted.touched[i]) return static_cast<std::ptrdiff_t>(i);
    }
    return -1;
  }

  // The key that tells best: one that a converter would take the other way, else one that would be renamed.
  std::size_t telling_key() const {
    const LayoutTrial& other = other_trial();
    for (const auto* const list : {&other.taken, &other.touched}) {
      const auto found = std::find(list->begin(), list->end(), true);
      if (found != list->end()) return static_cast<std::size_t>(found - list->begin());
    }
    return 0;
  }

  Place key_place(std::size_t i) const {
    return {checkpoint_.directory.string(), 0, 0, {}, checkpoint_.tensors[i].key, ""};
  }

  // A family that takes the model's own converter away, and keys that this one takes as the publisher has
  // them.
  void refuse_published_so() const {
    for (const Transform& t : rules_.filtered) {
      if (t.kind != TransformKind::kWeightConverter) continue;
      KeyRewriter rewriter(t);
      for (std::size_t i = 0; i < checkpoint_.tensors.size(); ++i) {
        if (rewriter.apply(checkpoint_.tensors[i].key)) refuse_there(i);
      }
    }
  }

  [[noreturn]] void refuse_there() const { refuse_there(telling_key()); }

  [[noreturn]] void refuse_there(std::size_t key) const {
    const std::string name(name_of(options_.to));
    throw UserError(
        "plan-already-there"_id, key_place(key),
        fmt::format("this checkpoint is already in the {} layout, as it was published or left by a "
                    "conversion without a manifest (published, nothing to do): this key is as the "
                    "rules have it there",
                    name),
        fmt::format("If it is not, say so with --assume-layout '**={}'.", name_of(opposite(options_.to))));
  }

  [[noreturn]] void refuse_either() const {
    std::vector<std::size_t> keys;
    for (std::size_t i = 0; i < checkpoint_.tensors.size() && keys.size() < 2; ++i) {
      if (evidence_.forward.touched[i] && evidence_.back.touched[i]) keys.push_back(i);
    }
    for (std::size_t i = 0; i < checkpoint_.tensors.size() && keys.size() < 2; ++i) {
      const bool listed = std::find(keys.begin(), keys.end(), i) != keys.end();
      if (!listed && (evidence_.forward.touched[i] || evidence_.back.touched[i])) keys.push_back(i);
    }
    const std::string second = keys.size() > 1 && keys[1] != keys[0]
                                   ? fmt::format(", as does {}", checkpoint_.tensors[keys[1]].key)
                                   : "";
    throw UserError(
        "plan-either-layout"_id, key_place(keys.empty() ? 0 : keys[0]),
        fmt::format("this key fits both layouts{}: the rules could convert it either way, and back "
                    "again",
                    second),
        "Say which it is: --assume-layout '**=original' or --assume-layout '**=fused'.");
  }

  // Converters that look below one part of the model, and keys elsewhere that they would take there.
  std::vector<std::string> near_misses(bool nothing_applies, const LayoutTrial& wanted) const {
    const bool to_fused = options_.to == Layout::kFused;
    std::vector<NearMiss> misses;
    std::set<std::string> seen;
    for (const Transform& t : to_fused ? rules_.transforms : back_) {
      if (t.kind != TransformKind::kWeightConverter || !t.scope || place_of(*t.scope).empty()) continue;
      Transform anywhere = t;
      anywhere.scope.reset();
      KeyRewriter rewriter(anywhere);
      for (std::size_t i = 0; i < checkpoint_.tensors.size(); ++i) {
        const std::string& key = checkpoint_.tensors[i].key;
        if (wanted.touched[i] || is_declared(key) || !rewriter.apply(key)) continue;
        if (seen.insert(place_of(*t.scope)).second)
          misses.push_back({key, place_of(*t.scope), t.id(), takes_apart(t)});
        break;
      }
    }
    if (misses.empty()) return nothing_where_rules_look(nothing_applies);
    const bool half_apart =
        !to_fused && std::any_of(misses.begin(), misses.end(), [](const auto& m) { return m.takes_apart; });
    if (nothing_applies || half_apart) refuse(misses, nothing_applies);
    std::vector<std::string> notes;
    for (const auto& m : misses) notes.push_back(text_of(m) + "; it stays as it is");
    return notes;
  }

  static bool takes_apart(const Transform& t) {
    return std::none_of(t.operations.begin(), t.operations.end(),
                        [](const Operation& o) { return o->row().arity.joins(); });
  }

  bool is_declared(const std::string& key) const {
    return std::any_of(options_.assume_layout.begin(), options_.assume_layout.end(), [&](const auto& a) {
      return a.is_fused == (options_.to == Layout::kFused) && glob_matches(a.glob, key);
    });
  }

  static std::string text_of(const NearMiss& m) {
    return fmt::format("{} is like what {} takes, but the rules look below {}", m.key, m.id, m.place);
  }

  [[noreturn]] void refuse(const std::vector<NearMiss>& misses, bool nothing_applies) const {
    Diagnostics diagnostics;
    for (const auto& m : misses) {
      diagnostics.add(
          {Severity::kError, "plan-near-miss"_id, Place{checkpoint_.directory.string(), 0, 0, {}, m.key, ""},
           fmt::format("{} takes such keys, but looks for them below {}, where {}", m.id, m.place,
                       nothing_applies ? "it finds none" : "it finds others"),
           nothing_applies
               ? fmt::format(
                     "Is config.json that of another model? A renaming of one line puts the keys there: "
                     "--rules auto and a file with a WeightRenaming before it; `tenon explain` shows "
                     "what it does.")
               : fmt::format("It would be left as it is: declare it with --assume-layout 'GLOB={}', or bring "
                             "rules for it with --rules.",
                             name_of(options_.to))});
    }
    diagnostics.throw_if_errors();
    throw std::logic_error("unreachable");
  }

  // Every rule looks below some part of the model that this checkpoint has not.
  std::vector<std::string> nothing_where_rules_look(bool nothing_applies) const {
    if (!nothing_applies || rules_.transforms.empty() || checkpoint_.tensors.empty()) return {};
    std::set<std::string> places;
    for (const Transform& t : rules_.transforms) {
      if (!t.scope || place_of(*t.scope).empty()) return {};
      const std::string outer = place_of(*t.scope) + ".";
      const std::string inner = t.scope->scope_prefix + ".";
      for (const auto& tensor : checkpoint_.tensors) {
        if (tensor.key.starts_with(outer) || tensor.key.starts_with(inner)) return {};
      }
      places.insert(place_of(*t.scope));
    }
    return {fmt::format("nothing lies where the rules look, below {}: the checkpoint has {}",
                        join_some({places.begin(), places.end()}), checkpoint_.tensors.front().key)};
  }

  const Checkpoint& checkpoint_;
  const RuleSet& rules_;
  const std::vector<Transform>& back_;
  const Options& options_;
  LayoutEvidence evidence_;
};

}  // namespace

std::vector<std::string> require_layout(const Checkpoint& checkpoint, const RuleSet& rules,
                                        const std::vector<Transform>& back, const Options& options) {
  return LayoutGuard(checkpoint, rules, back, options).run();
}

}  // namespace tenon
