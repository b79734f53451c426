// Does what a transform makes of a key come back as that key? And through the whole list?
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "lint/checks.h"
#include "rules/operations/value_step.h"

namespace tenon {
namespace {

bool comes_back(Probe& probe, const std::string& key) {
  if (!probe.forward(key)) return false;
  const auto made = probe.outputs_of(key);
  return std::all_of(made.begin(), made.end(), [&](const std::string& output) {
    return is_listed(probe.back_all(output, probe.star_of(key)), key);
  });
}

// Codes, scales and a weight find each other by the ends of their names: not each key by itself, and the plan
// proves it.
bool goes_by_roles(const Transform& t) {
  return std::any_of(t.operations.begin(), t.operations.end(), [](const Operation& o) {
    return o->value_step() != nullptr && o->value_step()->value().kind != ValueKind::kEach;
  });
}

// The first example that a transform alone does not give back.
bool lint_alone(LintSubject& subject, Probe& probe) {
  if (!probe.inverts()) {
    subject.add("not-invertible"_id, probe, probe.why_no_inverse(),
                "On the way back source and targets change places: each must work as the other.");
    return false;
  }
  if (goes_by_roles(probe.transform())) return true;
  for (const auto& sample : probe.samples()) {
    // What stands before the match is lint's own invention: a key that fails because of it is no example.
    const std::string bare = sample.key.substr(sample.rewrite.at);
    if (!probe.transform().scope && comes_back(probe, bare)) continue;
    for (const auto& made : probe.outputs_of(sample.key)) {
      const auto returned = probe.back_all(made, probe.star_of(sample.key));
      if (is_listed(returned, sample.key)) continue;
      subject.add(
          "not-invertible"_id, probe,
          fmt::format("'{}' becomes '{}' and comes back as '{}'", sample.key, made, returned.front()),
          probe.transform().kind == TransformKind::kWeightRenaming
              ? "Make the target tell what the source was, or say `forward_only: true` of a legacy name."
              : "Make the target tell what the source was.");
      return false;
    }
  }
  return true;
}

void lint_no_op(LintSubject& subject, Probe& probe) {
  const auto same = [](const SampleKey& s) { return s.rewrite.key == s.key; };
  const auto& samples = probe.samples();
  const bool renames = probe.transform().kind != TransformKind::kWeightConverter;
  if (!renames || samples.empty() || !std::all_of(samples.begin(), samples.end(), same)) return;
  subject.add("no-op"_id, probe, fmt::format("'{}' keeps its name", samples.front().key), "Take it out.");
}

struct Passage {
  std::string source;
  std::string made;
  std::string star = "0";  // what a converter's list pattern had for its `*`
  std::set<const Probe*> used;
};

Passage pass(LintSubject& subject, const std::string& source) {
  Passage out{source, source, "0", {}};
  for (auto& probe : subject.probes) {
    if (probe.transform().kind == TransformKind::kWeightConverter) continue;
    if (const auto rewrite = probe.forward(out.made)) {
      out.made = rewrite->key;
      out.used.insert(&probe);
    }
  }
  for (auto& probe : subject.probes) {
    if (probe.transform().kind != TransformKind::kWeightConverter || !probe.forward(out.made)) continue;
    out.star = probe.star_of(out.made);
    out.made = probe.outputs_of(out.made).front();
    out.used.insert(&probe);
    break;
  }
  return out;
}

// The way back of one key, by the inverses of all that two keys used: the list reversed, the first converter
// that matches, then every renaming.
std::vector<std::string> way_back(LintSubject& subject, const Passage& key, const Passage& beside) {
  std::vector<std::string> keys = {key.made};
  const auto used = [&](const Probe& p) { return key.used.contains(&p) || beside.used.contains(&p); };
  for (auto p = subject.probes.rbegin(); p != subject.probes.rend(); ++p) {
    if (p->transform().kind != TransformKind::kWeightConverter || !used(*p) || !p->back(key.made)) continue;
    keys = p->back_all(key.made, key.star);
    break;
  }
  for (auto p = subject.probes.rbegin(); p != subject.probes.rend(); ++p) {
    if (p->transform().kind == TransformKind::kWeightConverter || !used(*p)) continue;
    for (auto& k : keys) {
      if (const auto rewrite = p->back(k)) k = rewrite->key;
    }
  }
  return keys;
}

bool can_return(const Passage& passage) {
  return !passage.used.empty() && std::none_of(passage.used.begin(), passage.used.end(), [](const Probe* p) {
    return p->transform().forward_only || !p->inverts();
  });
}

// Two keys, each of which comes back when it is alone: because of the one, the other does not.
void lint_list(LintSubject& subject, const std::set<const Probe*>& broken) {
  std::vector<std::pair<Probe*, Passage>> passages;
  for (auto& probe : subject.probes) {
    if (broken.contains(&probe) || probe.samples().empty()) continue;
    Passage passage = pass(subject, probe.samples().front().key);
    if (can_return(passage) && is_listed(way_back(subject, passage, passage), passage.source))
      passages.emplace_back(&probe, std::move(passage));
  }
  for (const auto& [probe, passage] : passages) {
    if (!subject.is_own(*probe) || subject.findings.has("targets-collide"_id, probe->transform().index))
      continue;
    for (const auto& [other, beside] : passages) {
      if (passage.made == beside.made) continue;
      const auto returned = way_back(subject, passage, beside);
      if (is_listed(returned, passage.source)) continue;
      subject.add(
          "list-not-invertible"_id, *probe,
          fmt::format("'{}' becomes '{}', and with '{}' in the checkpoint comes back as '{}', because of {}",
                      passage.source, passage.made, beside.source, returned.front(),
                      describe(other->transform())),
          "On the way back every inverse that was used sees every key, in reverse order: make their "
          "targets exclude each other.");
      break;
    }
  }
}

}  // namespace

void lint_inverse(LintSubject& subject) {
  std::set<const Probe*> broken;
  for (auto& probe : subject.probes) {
    if (!subject.is_own(probe)) continue;
    lint_no_op(subject, probe);
    if (!probe.transform().forward_only && !lint_alone(subject, probe)) broken.insert(&probe);
  }
  lint_list(subject, broken);
}

}  // namespace tenon
