#include "plan/snapshot.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/content_hash.h"
#include "checkpoint/key_ranges.h"
#include "rules/operations/layout_operation.h"

namespace tenon {
namespace {

constexpr std::string_view kFirstLine = "tenon-plan 1\n";
constexpr const char* kNames = "ijklmnopqrstuvwxyz";

// Where elements go, whatever the tensors are called.
std::string moves_hash(const View& view) {
  std::map<std::uint32_t, std::size_t> ordinals;
  std::string text;
  for (const Piece& piece : view.pieces) {
    const std::size_t ordinal = ordinals.try_emplace(piece.source, ordinals.size()).first->second;
    text += is_zero(piece) ? "zeros" : std::to_string(ordinal);
    text += fmt::format(" {} {}", piece.source_offset, piece.output_offset);
    for (const Loop& loop : piece.loops)
      text += fmt::format(" {}x{},{}", loop.extent, loop.source_stride, loop.output_stride);
    text += '\n';
  }
  const std::string hash = content_hash(text);
  return hash.substr(hash.rfind(':') + 1, 8);
}

// The source's keys in the order in which the output takes from them first.
std::vector<std::string> sources_in_order(const View& view, const Checkpoint& source) {
  std::vector<std::string> out;
  std::set<std::uint32_t> seen;
  for (const Piece& piece : view.pieces) {
    if (!is_zero(piece) && seen.insert(piece.source).second) out.push_back(source.tensors[piece.source].key);
  }
  return out;
}

// An output without its numbers, so that those that differ by their numbers alone are one.
struct OutputForm {
  std::string key;                   // NumberedKey::form
  std::string tail;                  // " BF16 [8, 64] by mixtral#1, moves 1f0c52a7"
  std::vector<std::string> sources;  // forms of patterns
  auto operator<=>(const OutputForm&) const = default;
};

struct OutputNumbers {
  std::vector<std::int64_t> key;
  std::vector<std::int64_t> sources;  // of all sources, one after the other
};

// For each number of the sources: which number of the key it always is, -1: none.
std::vector<int> links_of(const std::vector<OutputNumbers>& members) {
  std::vector<int> links;
  for (std::size_t p = 0; p < members.front().sources.size(); ++p) {
    const std::int64_t first = members.front().sources[p];
    const auto is_key_number = [&](std::size_t k) {
      return std::all_of(members.begin(), members.end(),
                         [&](const OutputNumbers& m) { return m.sources[p] == m.key[k]; });
    };
    const bool constant = std::all_of(members.begin(), members.end(),
                                      [&](const OutputNumbers& m) { return m.sources[p] == first; });
    int link = -1;
    for (std::size_t k = 0; !constant && k < members.front().key.size(); ++k) {
      if (is_key_number(k)) link = static_cast<int>(k);
    }
    links.push_back(link);
  }
  return links;
}

// A record of the outputs that one box of key numbers stands for.
std::string record_of(const OutputForm& form, const RangeBox& box, const std::vector<int>& links,
                      const std::vector<std::int64_t>& source_numbers) {
  std::vector<std::string> names(box.size());
  std::size_t next_name = 0;
  for (std::size_t k = 0; k < box.size(); ++k) {
    const bool is_linked = std::find(links.begin(), links.end(), static_cast<int>(k)) != links.end();
    if (is_linked && box[k].first != box[k].last && next_name < 18) names[k] = kNames[next_name++];
  }
  std::vector<std::string> texts;
  for (std::size_t k = 0; k < box.size(); ++k) {
    texts.push_back(names[k].empty() ? text_of(box[k])
                                     : fmt::format("{{{}={}..{}}}", names[k], box[k].first, box[k].last));
  }
  std::string out = fmt::format("tensor {}{}\n", filled(form.key, texts), form.tail);
  std::size_t at = 0;
  for (const std::string& source : form.sources) {
    std::vector<std::string> filling;
    for (const char c : source) {
      if (c != '\x01') continue;
      const int link = links[at];
      const auto k = static_cast<std::size_t>(std::max(link, 0));
      filling.push_back(link < 0           ? std::to_string(source_numbers[at])
                        : names[k].empty() ? text_of(box[k])
                                           : fmt::format("{{{}}}", names[k]));
      ++at;
    }
    out += fmt::format("  from {}\n", filled(source, filling));
  }
  return out;
}

// Outputs of one form whose numbers go together in one way, as few records.
void add_records(const OutputForm& form, const std::vector<OutputNumbers>& members, std::string& out) {
  const std::vector<int> links = links_of(members);
  // Numbers of sources that follow no number of the key tell outputs apart.
  std::map<std::vector<std::int64_t>, std::vector<OutputNumbers>> groups;
  for (const OutputNumbers& member : members) {
    std::vector<std::int64_t> own = member.sources;
    for (std::size_t p = 0; p < own.size(); ++p) own[p] = links[p] < 0 ? own[p] : -1;
    groups[own].push_back(member);
  }
  for (const auto& [own, those] : groups) {
    std::vector<std::vector<std::int64_t>> numbers;
    for (const OutputNumbers& member : those) numbers.push_back(member.key);
    for (const RangeBox& box : boxes_of(std::move(numbers))) out += record_of(form, box, links, own);
  }
}

std::string tensors_of_plan(const Checkpoint& source, const Plan& plan) {
  std::vector<OutputForm> order;
  std::map<OutputForm, std::vector<OutputNumbers>> members;
  for (const PlannedTensor& output : plan.outputs) {
    const auto keys = sources_in_order(output.view, source);
    const bool passed = output.transform < 0 && keys.size() == 1 && keys.front() == output.key;
    OutputForm form;
    OutputNumbers numbers;
    NumberedKey key = numbered(output.key);
    form.key = std::move(key.form);
    numbers.key = std::move(key.numbers);
    form.tail = " " + header_of(output.view.dtype, output.view.shape);
    if (output.transform >= 0) {
      form.tail +=
          fmt::format(" by {}, moves {}", plan.transforms[static_cast<std::size_t>(output.transform)].id(),
                      moves_hash(output.view));
    }
    if (!passed) {
      for (const std::string& pattern : key_patterns(keys)) {
        NumberedKey split = numbered(pattern);
        form.sources.push_back(std::move(split.form));
        numbers.sources.insert(numbers.sources.end(), split.numbers.begin(), split.numbers.end());
      }
    }
    const auto [found, is_new] = members.try_emplace(form);
    if (is_new) order.push_back(form);
    found->second.push_back(std::move(numbers));
  }
  std::string out;
  for (const OutputForm& form : order) add_records(form, members[form], out);
  return out;
}

std::string transforms_of_plan(const Plan& plan) {
  std::string out;
  for (std::size_t i = 0; i < plan.transforms.size(); ++i) {
    std::vector<std::string> operations;
    for (const auto& operation : plan.transforms[i].operations) operations.push_back(to_string(operation));
    out += fmt::format("{} {}{}{}\n", plan.transform_used[i] ? "transform" : "unused",
                       describe(plan.transforms[i]), operations.empty() ? "" : ": ",
                       fmt::join(operations, ", "));
  }
  return out;
}

std::string dropped_by_plan(const Checkpoint& source, const Plan& plan) {
  std::map<std::string, std::vector<std::string>> keys;
  for (std::size_t i = 0; i < plan.fates.size(); ++i) {
    if (plan.fates[i].kind == SourceFate::Kind::kDropped)
      keys[plan.fates[i].reason].push_back(source.tensors[i].key);
  }
  std::string out;
  for (const auto& [reason, those] : keys) {
    for (const std::string& pattern : key_patterns(those))
      out += fmt::format("drop {}: {}\n", pattern, reason);
  }
  return out;
}

std::string edits_of_plan(const Plan& plan) {
  const auto value = [](const auto& json) { return json ? json->dump() : std::string("absent"); };
  std::string out;
  for (const auto& edit : plan.config_edits)
    out += fmt::format("config {}: {} -> {}\n", edit.path, value(edit.before), value(edit.after));
  std::map<std::string, std::size_t> conditions;
  for (const Condition& condition : plan.conditions) {
    const char* what = condition.kind == Condition::Kind::kZero    ? "zeros are cut off"
                       : condition.kind == Condition::Kind::kEqual ? "two tensors are equal"
                                                                   : "something is lost";
    ++conditions[fmt::format("{}: {}", what, condition.why)];
  }
  for (const auto& [what, count] : conditions) out += fmt::format("condition {} ({})\n", what, count);
  return out;
}

// Lines with those that are indented under them.
std::vector<std::string> records_in(const std::string& snapshot) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < snapshot.size();) {
    const std::size_t end = std::min(snapshot.find('\n', at), snapshot.size());
    const std::string line = snapshot.substr(at, end - at) + "\n";
    if (line.starts_with("  ") && !out.empty()) {
      out.back() += line;
    } else {
      out.push_back(line);
    }
    at = end + 1;
  }
  return out;
}

// What a record is about: a tensor's name stays when its shape changes.
std::string subject_of(const std::string& record) {
  const std::size_t first = record.find(' ');
  if (!record.starts_with("tensor ") && !record.starts_with("config ")) return record;
  return record.substr(0, record.find(' ', first + 1));
}

}  // namespace

std::string plan_snapshot(const Checkpoint& source, const RuleSet& rules, const Plan& plan) {
  std::vector<std::string> names = rules.chosen;
  for (const RuleFile& family : rules.families) {
    if (std::find(names.begin(), names.end(), family.name) == names.end()) names.push_back(family.name);
  }
  std::string out(kFirstLine);
  out += fmt::format("to {} by {}\n", name_of(plan.to),
                     names.empty() ? "no rules" : fmt::format("{}", fmt::join(names, ", ")));
  out += fmt::format("{} tensors become {}\n", source.tensors.size(), plan.outputs.size());
  return out + transforms_of_plan(plan) + edits_of_plan(plan) + tensors_of_plan(source, plan) +
         dropped_by_plan(source, plan);
}

std::vector<SnapshotChange> compare_snapshots(const std::string& kept, const std::string& now,
                                              const std::string& file) {
  if (!kept.starts_with(kFirstLine)) {
    throw UserError("snapshot-malformed"_id, {file, 1, 0, {}, "", ""}, "is no plan that tenon kept",
                    "`tenon plan CHECKPOINT --check FILE --update` writes one.");
  }
  const auto before = records_in(kept);
  const auto after = records_in(now);
  std::map<std::string, std::string> by_subject;
  for (const std::string& record : before) by_subject[subject_of(record)] = record;
  std::set<std::string> subjects_now;
  std::vector<SnapshotChange> out;
  for (const std::string& record : after) {
    const std::string subject = subject_of(record);
    subjects_now.insert(subject);
    const auto found = by_subject.find(subject);
    if (found == by_subject.end()) {
      out.push_back({"", record});
    } else if (found->second != record) {
      out.push_back({found->second, record});
    }
  }
  std::vector<SnapshotChange> gone;
  for (const std::string& record : before) {
    if (!subjects_now.contains(subject_of(record))) gone.push_back({record, ""});
  }
  out.insert(out.begin(), gone.begin(), gone.end());
  return out;
}

}  // namespace tenon
