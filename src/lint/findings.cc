#include "lint/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <tuple>

namespace tenon {
namespace {

const FindingKind& kind_of(ErrorId id) {
  for (const auto& kind : finding_kinds()) {
    if (kind.id == id) return kind;
  }
  throw std::logic_error(fmt::format("no kind of finding '{}'", id.name()));
}

bool is_kind(ErrorId id) {
  const auto& kinds = finding_kinds();
  return std::any_of(kinds.begin(), kinds.end(), [&](const FindingKind& kind) { return kind.id == id; });
}

bool silences(const Silence& silence, const Finding& finding) {
  return finding.diagnostic.id == silence.finding &&
         (!silence.transform || silence.transform == finding.transform);
}

}  // namespace

const std::vector<FindingKind>& finding_kinds() {
  using enum Severity;
  static const std::vector<FindingKind> kKinds = {
      {"schema"_id, kError},
      {"bad-pattern"_id, kError},
      {"endless-pattern"_id, kError},
      {"unescaped-dot"_id, kWarning},
      {"hits-neighbour"_id, kWarning},
      {"lost-lookaround"_id, kWarning},
      {"no-op"_id, kWarning},
      {"shadowed-converter"_id, kError},
      {"shadowed-renaming"_id, kWarning},
      {"order-matters"_id, kNote},
      {"targets-collide"_id, kWarning},
      {"not-invertible"_id, kError},
      {"list-not-invertible"_id, kWarning},
      {"operation-arity"_id, kError},
      {"parts-unknown"_id, kNote},
      {"rope-permutes-nothing"_id, kError},
      {"rope-without-heads"_id, kError, true},
      {"missing-include"_id, kError},
      {"include-cycle"_id, kError},
      {"unreachable-include"_id, kWarning},
      {"ambiguous-detection"_id, kError},
      {"name-differs"_id, kError},
      {"family-conflict"_id, kNote},
      {"matches-nothing"_id, kNote, true},
      {"half-match"_id, kError, true},
      {"square-transpose"_id, kError, true},
      {"unclaimed"_id, kNote, true},
      {"cannot-convert"_id, kError, true},
      {"unused-silence"_id, kNote},
  };
  return kKinds;
}

void Findings::add(ErrorId id, Place place, std::string message, std::string hint,
                   std::optional<int> transform) {
  all_.push_back(
      {{kind_of(id).severity, id, std::move(place), std::move(message), std::move(hint)}, transform});
}

void Findings::add(const Diagnostics& parsed) {
  for (Diagnostic d : parsed.all()) {
    if (!is_kind(d.id)) d.id = "schema"_id;
    all_.push_back({std::move(d), std::nullopt});
  }
}

bool Findings::has(ErrorId id, int transform) const {
  return std::any_of(all_.begin(), all_.end(),
                     [&](const Finding& f) { return f.diagnostic.id == id && f.transform == transform; });
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
    out.push_back({Severity::kNote, "unused-silence"_id, silence.place,
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
