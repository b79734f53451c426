// Operations that do not fit the patterns around them. How many tensors there are is followed through the
// list of operations by their arity.
#include <fmt/format.h>

#include <algorithm>

#include "lint/checks.h"
#include "rules/operations/layout_operation.h"
#include "rules/operations/value_step.h"
#include "rules/pattern.h"

namespace tenon {
namespace {

bool has_star(const std::string& pattern) {
  return pattern.find('*') != std::string::npos;
}

// How many lists in lists a pattern collects: `.*` and `(.*)` at its beginning are the pattern's own, `*.`
// collects a list, and so does a `*` that ends a word and the pattern.
int lists_of(const std::string& pattern) {
  int count = 0;
  for (std::size_t at = pattern.find("*."); at != std::string::npos; at = pattern.find("*.", at + 2))
    count += at == 1 && pattern.front() == '.' ? 0 : 1;
  return count + (ends_in_number(pattern) ? 1 : 0);
}

bool any_named(const std::vector<std::string>& patterns, const std::vector<std::string>& names) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const auto& p) {
    return std::any_of(names.begin(), names.end(),
                       [&](const auto& n) { return p.find(n) != std::string::npos; });
  });
}

// What is on its way through a converter: so many bundles, each a list (of lists) or one tensor.
class ArityCheck {
 public:
  explicit ArityCheck(const Transform& t) : t_(t), bundles_(t.source_patterns.size()) {
    for (const auto& source : t.source_patterns) lists_ = std::max(lists_, lists_of(source));
    for (const auto& target : t.target_patterns) starred_targets_ = starred_targets_ || has_star(target);
  }

  // What does not fit, "" where all does.
  std::string run() {
    for (std::size_t i = 0; i < t_.operations.size(); ++i) {
      const Operation& operation = t_.operations[i];
      if (cuts_to_join(i)) {
        bundles_ = operation->listed_parts().value_or(2);
        continue;
      }
      if (const ValueStep* const step = operation->value_step();
          step != nullptr && step->value().kind != ValueKind::kEach) {
        // By the ends of its patterns it takes a weight and what belongs to it, and makes what the targets
        // name.
        bundles_ = targets();
        continue;
      }
      const std::string wrong = takes(*operation.does);
      if (!wrong.empty()) return fmt::format("{}: {}", to_string(operation), wrong);
      leave(operation->row().arity);
    }
    return at_the_end();
  }

 private:
  std::size_t targets() const { return t_.target_patterns.size(); }

  // Parts that another operation joins again are no targets.
  bool cuts_to_join(std::size_t i) const {
    const auto takes_all = [](const Operation& o) {
      return o->row().arity.takes == TensorArity::Takes::kAll;
    };
    const auto behind = t_.operations.begin() + static_cast<std::ptrdiff_t>(i);
    return t_.operations[i]->row().arity.leaves == TensorArity::Leaves::kTargets && bundles_ == 1 &&
           lists_ == 0 && std::any_of(behind + 1, t_.operations.end(), takes_all);
  }

  std::string takes(const LayoutOperation& operation) const {
    const TensorArity& arity = operation.row().arity;
    const std::size_t listed = operation.listed_parts().value_or(0);
    switch (arity.takes) {
      case TensorArity::Takes::kLists:
        return lists_ == 0 ? "no source pattern collects a list ('*.' stands for the index)" : "";
      case TensorArity::Takes::kAll:
        if (bundles_ == 1 && lists_ == 0) return "there is one tensor, nothing to join";
        if (lists_ == 0 && listed != 0 && listed != bundles_)
          return fmt::format("it lists {} sizes for {} parts", listed, bundles_);
        return "";
      case TensorArity::Takes::kOne:
        if (bundles_ != 1 || lists_ > 0) return "it cuts one tensor, and there are several";
        if (targets() == 1 && !starred_targets_) return "it makes several tensors, and there is one target";
        if (listed != 0 && targets() > 1 && listed != targets())
          return fmt::format("it lists {} sizes for {} targets", listed, targets());
        return "";
      case TensorArity::Takes::kEach:
        if (arity.leaves == TensorArity::Leaves::kSame) return "";
        if (lists_ > 0 && arity.leaves == TensorArity::Leaves::kNumbered)
          return "it splits one tensor, and there is a list";
        return "";  // without a '*' in the target too: of an extent of 1 it makes one tensor
    }
    return "";
  }

  void leave(const TensorArity& arity) {
    switch (arity.leaves) {
      case TensorArity::Leaves::kSame:
        if (arity.takes == TensorArity::Takes::kLists) --lists_;
        break;
      case TensorArity::Leaves::kOne:
        bundles_ = 1;
        lists_ = 0;
        break;
      case TensorArity::Leaves::kTargets:
        bundles_ = targets();
        lists_ = 0;
        numbered_ = arity.takes == TensorArity::Takes::kOne && targets() == 1;
        break;
      case TensorArity::Leaves::kNumbered:
        numbered_ = true;
        break;
      case TensorArity::Leaves::kNumberedTargets:
        bundles_ = targets();
        numbered_ = true;
        break;
    }
  }

  std::string at_the_end() const {
    if (lists_ > 0) return "the operations leave a list where the target names one tensor";
    if (numbered_ || bundles_ == targets()) return "";
    return fmt::format("the operations leave {} tensors for {} target{}", bundles_, targets(),
                       targets() == 1 ? "" : "s");
  }

  const Transform& t_;
  std::size_t bundles_;
  int lists_ = 0;
  bool starred_targets_ = false;
  bool numbered_ = false;
};

void lint_arity(LintSubject& subject, const Probe& probe) {
  const std::string wrong = ArityCheck(probe.transform()).run();
  if (wrong.empty()) return;
  subject.add("operation-arity"_id, probe, wrong,
              "docs/rules.md, Operations, says which of them stack, join and take apart.");
}

// Joined parts come apart by the manifest of the way there, by declared sizes, or as the reference does.
void lint_part_sizes(LintSubject& subject, Probe& probe) {
  const Transform& t = probe.transform();
  bool list = std::any_of(t.source_patterns.begin(), t.source_patterns.end(),
                          [](const auto& p) { return p.find("*.") != std::string::npos; });
  for (const auto& operation : t.operations) {
    if (operation->row().arity.takes == TensorArity::Takes::kLists) list = false;
    if (operation->knows_parts(list, t.from_registry) || probe.samples().empty()) continue;
    subject.findings.add(
        "parts-unknown"_id, operation.place,
        fmt::format("nothing says where '{}' is to be cut on the way back",
                    probe.samples().front().rewrite.key),
        list ? "A list of unknown length is joined: name its length with `num_shards_attribute`."
             : "Add `sizes: equal`, or `sizes: [...]` with numbers or ${config...}.",
        t.index);
  }
}

bool changes_count(const Operation& operation, const Transform& t) {
  const TensorArity& arity = operation->row().arity;
  return arity.leaves != TensorArity::Leaves::kSame ||
         (arity.takes == TensorArity::Takes::kLists && t.source_patterns.size() == 1);
}

// The tensors that an operation for named patterns meets go by the names of the sources until an operation
// has made targets of them; on the way back it meets the same ones. Where no operation does, it meets the
// sources there and the targets on the way back.
void lint_rope(LintSubject& subject, const Probe& probe) {
  const Transform& t = probe.transform();
  const bool one_sided = std::any_of(t.operations.begin(), t.operations.end(),
                                     [&](const Operation& o) { return changes_count(o, t); });
  bool made = false;
  for (const auto& operation : t.operations) {
    made = made || changes_count(operation, t);
    const auto* const only = operation->only_named();
    if (only == nullptr) continue;
    const bool there = any_named(made ? t.target_patterns : t.source_patterns, *only);
    const bool back = one_sided ? there : any_named(t.target_patterns, *only);
    if (there && back) continue;
    const std::string names = fmt::format("no {} pattern contains {}", there || made ? "target" : "source",
                                          fmt::join(*only, " or "));
    const std::string which =
        probe.samples().empty() ? "every tensor" : "'" + probe.samples().front().key + "'";
    subject.findings.add("rope-permutes-nothing"_id, operation.place,
                         fmt::format("{}: {} is left as it is {}", names, which,
                                     there ? "on the way back" : "on the way there"),
                         "List in `permute_layer_names` a part of the patterns to permute, on both sides.",
                         t.index);
  }
}

}  // namespace

void lint_operations(LintSubject& subject) {
  for (auto& probe : subject.probes) {
    if (!subject.is_own(probe) || probe.transform().kind != TransformKind::kWeightConverter) continue;
    lint_arity(subject, probe);
    lint_part_sizes(subject, probe);
    lint_rope(subject, probe);
  }
}

}  // namespace tenon
