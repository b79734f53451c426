// Operations that do not fit the patterns around them. How many tensors there are is followed through the
// list of operations, as plan/apply_operation.cc does with views.
#include <fmt/format.h>

#include <algorithm>

#include "rules/lint_checks.h"

namespace tenon {
namespace {

bool has_star(const std::string& pattern) {
  return pattern.find('*') != std::string::npos;
}

bool any_named(const std::vector<std::string>& patterns, const std::vector<std::string>& names) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const auto& p) {
    return std::any_of(names.begin(), names.end(),
                       [&](const auto& n) { return p.find(n) != std::string::npos; });
  });
}

// What is on its way through a converter: so many bundles, each a list or one tensor.
class ArityCheck {
 public:
  explicit ArityCheck(const Transform& t) : t_(t), bundles_(t.source_patterns.size()) {
    // `.*` and `(.*)` are the pattern's own; `*.` collects a list.
    lists_ = std::any_of(t.source_patterns.begin(), t.source_patterns.end(), [](const auto& p) {
      return p.find("*.") != std::string::npos && p.find(".*.") != 0;
    });
    for (const auto& target : t.target_patterns) starred_targets_ = starred_targets_ || has_star(target);
  }

  // What does not fit, "" where all does.
  std::string run() {
    for (const auto& operation : t_.operations) {
      const std::string wrong = std::visit([&](const auto& o) { return step(o, operation); }, operation.does);
      if (!wrong.empty()) return fmt::format("{}: {}", to_string(operation), wrong);
    }
    return at_the_end();
  }

 private:
  std::size_t targets() const { return t_.target_patterns.size(); }

  std::string step(const MergeModulelist&, const Operation&) {
    if (!lists_) return "no source pattern collects a list ('*.' stands for the index)";
    lists_ = false;
    return "";
  }

  std::string step(const Concatenate& o, const Operation&) {
    if (bundles_ == 1 && !lists_) return "there is one tensor, nothing to join";
    if (!lists_ && o.sizes.kind == PartSizes::Kind::kListed && o.sizes.listed.size() != bundles_)
      return fmt::format("it lists {} sizes for {} parts", o.sizes.listed.size(), bundles_);
    bundles_ = 1;
    lists_ = false;
    return "";
  }

  std::string step(const Chunk& o, const Operation&) {
    if (bundles_ != 1 || lists_) return "it cuts one tensor, and there are several";
    if (targets() == 1 && !starred_targets_) return "it makes several tensors, and there is one target";
    if (o.sizes.kind == PartSizes::Kind::kListed && targets() > 1 && o.sizes.listed.size() != targets())
      return fmt::format("it lists {} sizes for {} targets", o.sizes.listed.size(), targets());
    bundles_ = targets();
    numbered_ = targets() == 1;
    return "";
  }

  std::string step(const SplitModulelist&, const Operation&) {
    if (lists_) return "it splits one tensor, and there is a list";
    if (!starred_targets_) return "it makes one tensor for each index, and no target has a '*' for the index";
    numbered_ = true;
    return "";
  }

  std::string step(const ErnieFuseAndSplitTextVisionExperts&, const Operation&) {
    if (!lists_) return "no source pattern collects a list ('*.' stands for the index)";
    bundles_ = targets();
    lists_ = false;
    return "";
  }

  std::string step(const ErnieSplitAndDecoupleTextVisionExperts&, const Operation&) {
    if (!starred_targets_) return "it makes one tensor for each index, and no target has a '*' for the index";
    bundles_ = targets();
    numbered_ = true;
    return "";
  }

  template <class Elementwise>
  std::string step(const Elementwise&, const Operation&) {
    return "";
  }

  std::string at_the_end() const {
    if (lists_) return "the operations leave a list where the target names one tensor";
    if (numbered_ || bundles_ == targets()) return "";
    return fmt::format("the operations leave {} tensors for {} target{}", bundles_, targets(),
                       targets() == 1 ? "" : "s");
  }

  const Transform& t_;
  std::size_t bundles_;
  bool lists_ = false;
  bool starred_targets_ = false;
  bool numbered_ = false;
};

void lint_arity(LintSubject& subject, const Probe& probe) {
  const std::string wrong = ArityCheck(probe.transform()).run();
  if (wrong.empty()) return;
  subject.add("operation-arity", probe, wrong,
              "MergeModulelist stacks a list, Concatenate joins; Chunk and SplitModulelist take apart.");
}

// Joined parts come apart by the manifest of the way there, by declared sizes, or as the reference does.
void lint_part_sizes(LintSubject& subject, Probe& probe) {
  const Transform& t = probe.transform();
  bool list = std::any_of(t.source_patterns.begin(), t.source_patterns.end(),
                          [](const auto& p) { return p.find("*.") != std::string::npos; });
  for (const auto& operation : t.operations) {
    if (std::holds_alternative<MergeModulelist>(operation.does)) list = false;
    const auto* const join = std::get_if<Concatenate>(&operation.does);
    if (join == nullptr || !join->num_shards_attribute.empty()) continue;
    const bool declared = join->sizes.kind == PartSizes::Kind::kListed ||
                          (join->sizes.kind == PartSizes::Kind::kEqual && !list) ||
                          (t.from_registry && !list);
    if (declared || probe.samples().empty()) continue;
    subject.findings.add(
        "parts-unknown", operation.place,
        fmt::format("nothing says where '{}' is to be cut on the way back",
                    probe.samples().front().rewrite.key),
        list ? "A list of unknown length is joined: name its length with `num_shards_attribute`."
             : "Add `sizes: equal`, or `sizes: [...]` with numbers or ${config...}.",
        t.index);
  }
}

bool changes_count(const Operation& operation, const Transform& t) {
  return std::holds_alternative<Chunk>(operation.does) ||
         std::holds_alternative<Concatenate>(operation.does) ||
         std::holds_alternative<SplitModulelist>(operation.does) ||
         (std::holds_alternative<MergeModulelist>(operation.does) && t.source_patterns.size() == 1);
}

// The tensors that PermuteForRope meets go by the names of the sources until an operation has made targets of
// them; on the way back it meets the same ones. Where no operation does, it meets the sources there and the
// targets on the way back.
void lint_rope(LintSubject& subject, const Probe& probe) {
  const Transform& t = probe.transform();
  const bool one_sided = std::any_of(t.operations.begin(), t.operations.end(),
                                     [&](const Operation& o) { return changes_count(o, t); });
  bool made = false;
  for (const auto& operation : t.operations) {
    made = made || changes_count(operation, t);
    const auto* const rope = std::get_if<PermuteForRope>(&operation.does);
    if (rope == nullptr) continue;
    const bool there = any_named(made ? t.target_patterns : t.source_patterns, rope->permute_layer_names);
    const bool back = one_sided ? there : any_named(t.target_patterns, rope->permute_layer_names);
    if (there && back) continue;
    const std::string names =
        rope->permute_layer_names.empty()
            ? "it names no layers"
            : fmt::format("no {} pattern contains {}", there || made ? "target" : "source",
                          fmt::join(rope->permute_layer_names, " or "));
    const std::string which =
        probe.samples().empty() ? "every tensor" : "'" + probe.samples().front().key + "'";
    subject.findings.add("rope-permutes-nothing", operation.place,
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
