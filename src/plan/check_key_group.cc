#include "plan/check_key_group.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/checked.h"
#include "base/text.h"
#include "plan/numbered_list.h"
#include "rules/operations/value_step.h"

namespace tenon {
namespace {

bool needs_all_patterns(const Transform& t) {
  return std::any_of(t.operations.begin(), t.operations.end(),
                     [](const Operation& o) { return o->row().arity.joins(); });
}

// What belongs to a coded weight may be absent: the operation knows what it needs. The weight may not.
bool must_be_there(const Transform& t, std::size_t pattern) {
  const ValueStep* const step = first_value_step(t);
  if (step == nullptr || step->value().kind == ValueKind::kEach) return true;
  const PatternRole role = role_of_pattern(t.source_patterns[pattern], step->value().takes);
  return role.role.empty() || step->value().is_codes(role.role);
}

}  // namespace

// A converter that joins needs all of its patterns.
bool KeyGroupCheck::is_complete(const KeyGroup& group) const {
  const Transform& t = errors_.transform_of(group);
  if (group.members.size() == t.source_patterns.size() || !needs_all_patterns(t)) return true;
  std::vector<std::string> missing;
  for (std::size_t i = 0; i < t.source_patterns.size(); ++i) {
    if (!group.members.contains(static_cast<int>(i)) && must_be_there(t, i))
      missing.push_back(t.source_patterns[i]);
  }
  if (missing.empty()) return true;
  errors_.fail("key-missing-partner"_id, group,
               fmt::format("nothing in the checkpoint matches {}, but {} is there", join_some(missing),
                           inputs_[group.members.begin()->second.front()].key),
               "All parts of a fused tensor must be in the checkpoint.");
  return false;
}

// Lists must have every number without a gap, be equally long, and as long as the config says.
bool KeyGroupCheck::lists_are_whole(KeyGroup& group) const {
  bool whole = true;
  for (auto& [pattern, keys] : group.seen) {
    const std::string& source =
        errors_.transform_of(group).source_patterns[static_cast<std::size_t>(pattern)];
    if (source.find('*') == std::string::npos) {
      if (keys.size() > 1) {
        errors_.fail(
            "key-twice"_id, group, fmt::format("{} and {} both match {}", keys[0], keys[1], source),
            "Two tensors cannot become one: make the pattern tell them apart, or write a list with '*.'.",
            source);
        whole = false;
      }
      continue;
    }
    whole = list_is_whole(group, pattern, source, keys) && whole;
  }
  return whole;
}

bool KeyGroupCheck::list_is_whole(KeyGroup& group, int pattern, const std::string& source,
                                  std::vector<std::string>& keys) const {
  const NumberedList list = numbered_list(mapper_.rewriter(group.converter), source, keys);
  if (!list.numbered) return true;  // the proof of the way back decides
  if (!list.wrong.empty()) {
    errors_.fail(list.is_gap ? "key-gap"_id : "key-twice"_id, group, list.wrong, list.hint, source);
    return false;
  }
  auto& members = group.members[pattern];
  const auto by_key = members;
  for (std::size_t i = 0; i < by_key.size(); ++i) members[i] = by_key[list.order[i]];
  if (list.lengths.size() > 1) group.lists[pattern] = list.lengths;
  for (std::size_t level = 0; level < list.lengths.size(); ++level) {
    if (list.names[level] == "layers" && request_.to_fused &&
        !has_every_layer(group, keys.front(), list.lengths[level]))
      return false;
    const bool experts = list.names[level] == "experts" && request_.to_fused;
    if (experts && !is_expected_length(group, static_cast<std::int64_t>(list.lengths[level]))) return false;
  }
  return true;
}

// A list of layers ends with the last layer, or where the layers behind have no such tensor.
bool KeyGroupCheck::has_every_layer(const KeyGroup& group, const std::string& key, std::size_t length) const {
  const auto count = static_cast<std::int64_t>(length);
  if (count >= request_.layer_count || request_.allow_missing_layers) return true;
  const std::string before = key.substr(0, ("." + key).find(".layers.") + 7);
  const auto is_there = [&](std::int64_t layer) {
    const std::string start = fmt::format("{}{}.", before, layer);
    return std::any_of(seen_.begin(), seen_.end(),
                       [&](const std::string& seen) { return seen.starts_with(start); });
  };
  for (std::int64_t layer = 0; layer < request_.layer_count; ++layer) {
    if (is_there(layer)) continue;
    errors_.fail(
        "layer-missing"_id, group,
        fmt::format("{} layers, but config.json says num_hidden_layers {}: layer {} is missing", count,
                    request_.layer_count, layer),
        "The checkpoint is incomplete, or config.json is not its own; --allow-missing-layers goes on "
        "without it.");
    return false;
  }
  return true;
}

bool KeyGroupCheck::is_expected_length(const KeyGroup& group, std::int64_t count) const {
  if (request_.expert_counts.empty()) return true;
  // A list that is dealt out to several targets holds that many times the experts.
  const Transform& t = errors_.transform_of(group);
  const bool dealt_out = t.operations.front()->row().arity.many_to_many();
  const std::int64_t times = dealt_out ? static_cast<std::int64_t>(t.target_patterns.size()) : 1;
  const auto& counts = request_.expert_counts;
  if (std::any_of(counts.begin(), counts.end(), [&](auto c) { return checked_mul(c, times) == count; }))
    return true;
  errors_.fail("key-count"_id, group,
               fmt::format("{} experts, but config.json says {}{}", count, counts.front(),
                           times == 1 ? "" : fmt::format(" times {}", times)),
               "The checkpoint is incomplete, or config.json is not its own.");
  return false;
}

}  // namespace tenon
