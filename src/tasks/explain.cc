#include "tasks/explain.h"

#include <algorithm>

namespace tenon {
namespace {

void append(std::vector<ExplainedStep>& steps, const std::vector<ExplainedStep>& more) {
  steps.insert(steps.end(), more.begin(), more.end());
}

void add_new(std::vector<std::string>& list, const std::vector<std::string>& more) {
  for (const auto& text : more) {
    if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
  }
}

}  // namespace

Explanation explain_planned(const PlannedConversion& planned, const std::string& key) {
  if (!planned.through) return explain_key(planned.source, planned.rules, planned.plan, key);
  const ThroughLayout& through = *planned.through;
  const auto first = [&](const std::string& k) {
    return explain_key(planned.source, through.rules, through.plan, k);
  };
  const auto second = [&](const std::string& k) {
    return explain_key(through.between, planned.rules, through.second, k);
  };
  if (planned.source.find(key) != nullptr) {
    Explanation out = first(key);
    if (out.results.empty()) return out;
    const std::vector<std::string> between = std::move(out.results);
    out.results.clear();
    const Explanation next = second(between.front());
    append(out.steps, next.steps);
    auto back = next.back_steps;
    append(back, out.back_steps);
    out.back_steps = std::move(back);
    if (!next.made_by.empty()) out.made_by = next.made_by;
    out.dropped = next.dropped;
    for (const auto& k : between) add_new(out.results, second(k).results);
    return out;
  }
  Explanation out = second(key);
  if (out.made_of.empty()) return out;
  const std::vector<std::string> between = std::move(out.made_of);
  out.made_of.clear();
  const Explanation before = first(between.front());
  auto steps = before.steps;
  append(steps, out.steps);
  out.steps = std::move(steps);
  append(out.back_steps, before.back_steps);
  if (out.made_by.empty()) out.made_by = before.made_by;
  for (const auto& k : between) add_new(out.made_of, first(k).made_of);
  return out;
}

}  // namespace tenon
