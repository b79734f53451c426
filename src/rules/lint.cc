#include "rules/lint.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <tuple>

#include "rules/choose_rules.h"
#include "rules/lint_checks.h"

namespace tenon {
namespace {

const FindingKind& kind_of(std::string_view id) {
  for (const auto& kind : finding_kinds()) {
    if (kind.id == id) return kind;
  }
  throw std::logic_error(fmt::format("no kind of finding '{}'", id));
}

bool silences(const Silence& silence, const Finding& finding) {
  return silence.finding == finding.diagnostic.id &&
         (!silence.transform || silence.transform == finding.transform);
}

// The flat list of the file's own transforms, its includes' and those of its parts that need no config, each
// ready to be tried on keys. A transform that cannot be is a finding.
std::deque<Probe> probes_of(const RuleFile& file, const Library& library, Findings& findings) {
  Diagnostics elsewhere;  // values from a config that is not there, includes that lint_references reports
  RuleSet flat;
  try {
    flat = flatten(file, nlohmann::ordered_json::object(), library, elsewhere);
  } catch (const UserError&) {
    flat.transforms = file.transforms;
  }
  std::deque<Probe> out;
  for (const auto& t : flat.transforms) {
    try {
      out.emplace_back(t);
    } catch (const UserError& e) {
      const Diagnostic& d = e.diagnostics().front();
      if (t.rule == file.name) findings.add("not-invertible", t.place, d.message, d.hint, t.index);
    }
  }
  return out;
}

}  // namespace

const std::vector<FindingKind>& finding_kinds() {
  using enum Severity;
  static const std::vector<FindingKind> kKinds = {
      {"schema", kError, "The file does not have the form of a rule file."},
      {"bad-pattern", kError, "A pattern does not compile."},
      {"endless-pattern", kError, "A pattern backtracks without end on a key."},
      {"unescaped-dot", kWarning, "An unescaped dot matches any character."},
      {"hits-neighbour", kWarning, "An unanchored pattern also takes a longer name."},
      {"lost-lookaround", kWarning, "A look-around of a source pattern does not guard the way back."},
      {"no-op", kWarning, "A renaming that gives every key the name that it had."},
      {"shadowed-converter", kError, "An earlier converter takes all the keys of this one."},
      {"shadowed-renaming", kWarning, "Earlier renamings take all the keys of this one away."},
      {"order-matters", kNote, "Two renamings give other keys in the other order."},
      {"targets-collide", kWarning, "Keys of two transforms become one key."},
      {"not-invertible", kError, "A transform has no inverse, or its inverse does not give the key back."},
      {"list-not-invertible", kWarning, "The list as a whole does not give a key back."},
      {"operation-arity", kError,
       "Operations take or make another number of tensors than the patterns name."},
      {"parts-unknown", kWarning, "Nothing says where a joined tensor is to be cut on the way back."},
      {"rope-permutes-nothing", kError,
       "PermuteForRope names no pattern of its converter, or not both ways."},
      {"rope-without-heads", kError, "PermuteForRope finds no number of heads.", true},
      {"missing-include", kError, "An included or sub-model's rule file does not exist or does not parse."},
      {"include-cycle", kError, "Rule files include each other."},
      {"unreachable-include", kWarning, "All transforms of an include are taken by earlier ones."},
      {"ambiguous-detection", kError, "Two rule files apply to the same checkpoints equally well."},
      {"name-differs", kError, "A rule file's name is not that of the file."},
      {"family-conflict", kNote, "A family and another one, or a model's rules, take the same keys."},
      {"matches-nothing", kNote, "A transform matches no key of the checkpoint.", true},
      {"half-match", kError, "Only some of a converter's parts are in the checkpoint.", true},
      {"square-transpose", kError, "A square tensor does not tell whether it is transposed.", true},
      {"unclaimed", kNote, "No transform takes these tensors, or the fused layout has no such key.", true},
      {"cannot-convert", kError, "The checkpoint cannot be converted by these rules.", true},
      {"unused-silence", kNote, "A silence that silences nothing."},
  };
  return kKinds;
}

void Findings::add(std::string_view id, Place place, std::string message, std::string hint,
                   std::optional<int> transform) {
  all_.push_back(
      {{kind_of(id).severity, std::string(id), std::move(place), std::move(message), std::move(hint)},
       transform});
}

void Findings::add(const Diagnostics& parsed) {
  for (Diagnostic d : parsed.all()) {
    if (d.id.empty()) d.id = "schema";
    all_.push_back({std::move(d), std::nullopt});
  }
}

bool Findings::has(std::string_view id, int transform) const {
  return std::any_of(all_.begin(), all_.end(),
                     [&](const Finding& f) { return f.diagnostic.id == id && f.transform == transform; });
}

void lint_file(const RuleFile& file, const Library& library, Findings& findings) {
  LintSubject subject{file, library, probes_of(file, library, findings), findings};
  lint_references(subject);
  lint_patterns(subject);
  lint_lookarounds(subject);
  lint_operations(subject);
  lint_order(subject);
  lint_inverse(subject);
}

std::vector<Diagnostic> settle(const RuleFile& file, const Findings& findings, bool with_checkpoint) {
  std::vector<bool> used(file.silences.size(), false);
  std::vector<Diagnostic> out;
  for (const auto& finding : findings.all()) {
    bool silenced = false;
    for (std::size_t i = 0; i < file.silences.size(); ++i) {
      if (!silences(file.silences[i], finding)) continue;
      silenced = used[i] = true;
    }
    if (silenced) continue;
    out.push_back(finding.diagnostic);
  }
  for (std::size_t i = 0; i < used.size(); ++i) {
    const Silence& silence = file.silences[i];
    const auto& kinds = finding_kinds();
    const auto kind =
        std::find_if(kinds.begin(), kinds.end(), [&](const auto& k) { return k.id == silence.finding; });
    if (used[i] || (kind != kinds.end() && kind->against && !with_checkpoint)) continue;
    out.push_back({Severity::kNote, "unused-silence", silence.place,
                   fmt::format("this silences no finding '{}'", silence.finding),
                   kind == kinds.end() ? "There is no finding of this name." : "Take it out."});
  }
  std::stable_sort(out.begin(), out.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return std::tie(a.place.file, a.place.line, a.place.column) <
           std::tie(b.place.file, b.place.line, b.place.column);
  });
  return out;
}

}  // namespace tenon
