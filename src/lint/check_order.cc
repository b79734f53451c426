// What transforms do to each other: those that never get a key, renamings whose order matters, and keys that
// become one.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "lint/checks.h"

namespace tenon {
namespace {

bool converts(const Probe& probe) {
  return probe.transform().kind == TransformKind::kWeightConverter;
}

bool any_own(const LintSubject& subject, const Probe& a, const Probe& b) {
  return subject.is_own(a) || subject.is_own(b);
}

// The converter before `until` that takes the key, nullptr where none does.
Probe* taker_of(LintSubject& subject, const std::string& key, const Probe& until) {
  for (auto& probe : subject.probes) {
    if (&probe == &until) return nullptr;
    if (converts(probe) && probe.forward(key)) return &probe;
  }
  return nullptr;
}

// One source pattern of which no example gets through is enough: its converter is never complete.
void lint_shadowed_converter(LintSubject& subject, Probe& probe) {
  for (std::size_t i = 0; i < probe.transform().source_patterns.size(); ++i) {
    const SampleKey* witness = nullptr;
    Probe* taker = nullptr;
    bool reached = false;
    for (const auto& sample : probe.samples()) {
      if (sample.rewrite.alternative != static_cast<int>(i)) continue;
      Probe* const other = taker_of(subject, sample.key, probe);
      reached = reached || other == nullptr;
      if (other == nullptr || witness != nullptr) continue;
      witness = &sample;
      taker = other;
    }
    if (reached || witness == nullptr) continue;
    subject.findings.add("shadowed-converter"_id, probe.place_of_source(i),
                         fmt::format("'{}' is taken by {} before this converter sees it", witness->key,
                                     describe(taker->transform())),
                         "Only the first converter that matches applies: put the narrower one first, or make "
                         "the earlier one's pattern narrower.",
                         probe.transform().index);
    return;
  }
}

// What the renamings before `until` make of a key, and the first that changed it.
std::pair<std::string, Probe*> renamed_before(LintSubject& subject, std::string key, const Probe& until) {
  Probe* first = nullptr;
  for (auto& probe : subject.probes) {
    if (&probe == &until) break;
    if (converts(probe)) continue;
    if (const auto rewrite = probe.forward(key); rewrite && rewrite->key != key) {
      if (first == nullptr) first = &probe;
      key = rewrite->key;
    }
  }
  return {key, first};
}

bool lint_shadowed_renaming(LintSubject& subject, Probe& probe) {
  const SampleKey* witness = nullptr;
  Probe* culprit = nullptr;
  for (const auto& sample : probe.samples()) {
    const auto [key, changed_by] = renamed_before(subject, sample.key, probe);
    if (changed_by == nullptr || probe.forward(key)) return false;
    if (witness == nullptr) {
      witness = &sample;
      culprit = changed_by;
    }
  }
  if (witness == nullptr) return false;
  subject.add(
      "shadowed-renaming"_id, probe,
      fmt::format("'{}' does not get here: {} has renamed it", witness->key, describe(culprit->transform())),
      "Renamings chain: put the narrower one first, or take this one out.");
  return true;
}

std::optional<std::string> through(Probe& first, Probe& second, const std::string& key) {
  const auto a = first.forward(key);
  const auto b = second.forward(a ? a->key : key);
  return b ? b->key : a ? std::optional(a->key) : std::nullopt;
}

// The first earlier renaming that does not commute with this one.
void lint_order_of(LintSubject& subject, Probe& probe) {
  for (auto& earlier : subject.probes) {
    if (&earlier == &probe) return;
    if (converts(earlier)) continue;
    for (const auto* samples : {&probe.samples(), &earlier.samples()}) {
      for (const auto& sample : *samples) {
        const auto as_is = through(earlier, probe, sample.key);
        const auto swapped = through(probe, earlier, sample.key);
        if (as_is == swapped) continue;
        subject.add("order-matters"_id, probe,
                    fmt::format("'{}' becomes '{}' here, and '{}' if this came before {}", sample.key,
                                as_is.value_or(sample.key), swapped.value_or(sample.key),
                                describe(earlier.transform())),
                    "Keep them in this order, or make their patterns exclude each other.");
        return;
      }
    }
  }
}

struct Arrival {
  std::string source;
  const Probe* by = nullptr;  // the last transform that changed the key
  const Probe* converter = nullptr;
  std::vector<std::string> steps;  // the names that the key had on the way
};

Arrival send(LintSubject& subject, const std::string& source, std::string& key) {
  Arrival out{source, nullptr, nullptr, {}};
  key = source;
  for (auto& probe : subject.probes) {
    if (converts(probe)) continue;
    if (const auto rewrite = probe.forward(key); rewrite && rewrite->key != key) {
      out.by = &probe;
      out.steps.push_back(key);
      key = rewrite->key;
    }
  }
  for (auto& probe : subject.probes) {
    if (!converts(probe)) continue;
    const auto rewrite = probe.forward(key);
    if (!rewrite) continue;
    out.by = out.converter = &probe;
    key = rewrite->key;
    break;
  }
  return out;
}

bool on_the_way(const Arrival& a, const Arrival& b) {
  return std::find(a.steps.begin(), a.steps.end(), b.source) != a.steps.end() ||
         std::find(b.steps.begin(), b.steps.end(), a.source) != b.steps.end();
}

// Keys of two transforms that become one. Inputs of one converter are meant to; alternatives of one renaming
// are a matter of its inverse.
void lint_collisions(LintSubject& subject) {
  std::map<std::string, Arrival> arrivals;
  std::vector<const Probe*> reported;
  for (const auto& probe : subject.probes) {
    if (probe.transform().forward_only) continue;
    for (const auto& sample : probe.samples()) {
      std::string key;
      const Arrival arrival = send(subject, sample.key, key);
      const auto [other, fresh] = arrivals.try_emplace(key, arrival);
      const Arrival& there = other->second;
      if (fresh || arrival.by == nullptr || there.by == nullptr || arrival.by == there.by) continue;
      if (there.source == arrival.source || on_the_way(arrival, there)) continue;
      if (arrival.converter != nullptr && arrival.converter == there.converter) continue;
      const Probe& later = *arrival.by;
      if (!any_own(subject, later, *there.by) ||
          std::find(reported.begin(), reported.end(), &later) != reported.end())
        continue;
      reported.push_back(&later);
      const Probe& own = subject.is_own(later) ? later : *there.by;
      subject.add("targets-collide"_id, own,
                  fmt::format("'{}' and '{}' both become '{}', the one by {}", there.source, arrival.source,
                              key, describe((&own == &later ? *there.by : later).transform())),
                  "A checkpoint that has both cannot be converted: give them different targets.");
    }
  }
}

}  // namespace

void lint_order(LintSubject& subject) {
  for (auto& probe : subject.probes) {
    if (!subject.is_own(probe)) continue;
    if (converts(probe)) {
      lint_shadowed_converter(subject, probe);
    } else if (!lint_shadowed_renaming(subject, probe)) {
      lint_order_of(subject, probe);
    }
  }
  lint_collisions(subject);
}

}  // namespace tenon
