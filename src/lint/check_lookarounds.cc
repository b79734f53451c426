// A look-around in a source pattern keeps some keys out on the way there. The target text that takes the
// place of the match carries none of it, so on the way back the inverse may take a key that was kept out.
#include <fmt/format.h>

#include "lint/checks.h"

namespace tenon {
namespace {

struct LostKey {
  std::string key;   // not touched on the way there
  std::string back;  // what the way back makes of it
};

// A key on which the look-around fails, with the target's text where the match would have been: it passes
// untouched, and comes back as something else.
std::optional<LostKey> lost_key(Probe& probe, std::size_t source) {
  Transform loose = probe.transform();
  const std::string pattern = loose.source_patterns[source];
  loose.source_patterns = {without_lookarounds(pattern)};
  if (loose.source_patterns.front() == pattern) return std::nullopt;
  loose.target_patterns = {loose.target_patterns.size() > source && loose.target_patterns.size() > 1
                               ? loose.target_patterns[source]
                               : loose.target_patterns.front()};
  loose.kind = TransformKind::kWeightRenaming;
  loose.scope.reset();
  KeyRewriter rewriter(loose);
  for (const auto& text : texts_against_lookarounds(pattern)) {
    for (const auto& [before, after] : surroundings(text.text)) {
      std::string kept_out = before;
      kept_out.append(text.text).append(after);
      if (probe.forward(kept_out)) continue;
      const auto made = rewriter.apply(kept_out);
      if (!made || probe.forward(made->key)) continue;
      const auto back = probe.back(made->key);
      if (back && back->key != made->key) return LostKey{made->key, back->key};
    }
  }
  return std::nullopt;
}

}  // namespace

void lint_lookarounds(LintSubject& subject) {
  for (auto& probe : subject.probes) {
    const Transform& t = probe.transform();
    if (!subject.is_own(probe) || t.kind == TransformKind::kPrefixChange || t.forward_only || t.scope)
      continue;
    for (std::size_t i = 0; i < t.source_patterns.size(); ++i) {
      const auto lost = lost_key(probe, i);
      if (!lost) continue;
      subject.findings.add(
          "lost-lookaround"_id, probe.place_of_source(i),
          fmt::format(
              "the look-around of '{}' does not guard the way back: '{}' is not touched on the way there "
              "and comes back as '{}'",
              t.source_patterns[i], lost->key, lost->back),
          "Write the same look-around into the target pattern: as text it falls away, on the way back it "
          "guards.",
          t.index);
      break;
    }
  }
}

}  // namespace tenon
