#include "report/plan_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "report/table.h"
#include "rules/operations/layout_operation.h"

namespace tenon {
namespace {

struct Tally {
  std::uint64_t tensors = 0;
  std::uint64_t bytes = 0;

  void add(std::uint64_t more) {
    ++tensors;
    bytes += more;
  }
};

std::string operations_of(const Transform& transform) {
  std::vector<std::string> names;
  for (const auto& operation : transform.operations) names.push_back(to_string(operation));
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string choice_text(const Checkpoint& source, const RuleSet& rules, const Plan& plan) {
  std::string out =
      fmt::format("{} to the {} layout\n\n", visible(source.directory.string()), name_of(plan.to));
  for (const auto& note : rules.notes) out += fmt::format("  {}\n", visible(note));
  return rules.notes.empty() ? out : out + "\n";
}

// One line for all tensors that stay as they are, one for the renamed ones, one for each converter.
std::string transforms_text(const Checkpoint& source, const Plan& plan) {
  Tally passed;
  Tally renamed;
  std::map<int, Tally> converted;
  for (std::size_t i = 0; i < plan.fates.size(); ++i) {
    const SourceFate& fate = plan.fates[i];
    if (fate.kind == SourceFate::Kind::kPassed) passed.add(source.tensors[i].bytes);
    if (fate.kind == SourceFate::Kind::kRenamed) renamed.add(source.tensors[i].bytes);
    if (fate.kind == SourceFate::Kind::kConverted) converted[fate.transform].add(source.tensors[i].bytes);
  }
  std::map<int, Tally> made;
  for (const auto& output : plan.outputs) made[output.transform].add(output.bytes);

  Table table({{"tensors", Align::kRight}, {"become", Align::kRight}, {"size", Align::kRight}, {"by"}});
  const auto same = [&](const Tally& sum, const char* how) {
    if (sum.tensors == 0) return;
    const std::string count = std::to_string(sum.tensors);
    table.add({count, count, human_bytes(sum.bytes), how});
  };
  same(passed, "copied as they are");
  same(renamed, "renamed");
  for (const auto& [transform, sum] : converted) {
    const Transform& by = plan.transforms[static_cast<std::size_t>(transform)];
    table.add({std::to_string(sum.tensors), std::to_string(made[transform].tensors),
               human_bytes(made[transform].bytes), fmt::format("{}: {}", describe(by), operations_of(by))});
  }
  return table.empty() ? "" : table.text(2) + "\n";
}

std::string dropped_text(const Checkpoint& source, const Plan& plan) {
  std::map<std::string, std::vector<std::string>> keys_by_reason;
  for (std::size_t i = 0; i < plan.fates.size(); ++i) {
    if (plan.fates[i].kind == SourceFate::Kind::kDropped) {
      keys_by_reason[plan.fates[i].reason].push_back(source.tensors[i].key);
    }
  }
  std::string out;
  for (const auto& [reason, keys] : keys_by_reason) {
    out += fmt::format("  {} left out ({}): {}\n", keys.size(), visible(reason), visible(join_some(keys)));
  }
  return out.empty() ? "" : out + "\n";
}

std::string shards_text(const Plan& plan) {
  std::vector<Tally> sums(plan.shards.size());
  for (const auto& output : plan.outputs) sums[output.shard].add(output.bytes);
  Table table({{"writes"}, {"tensors", Align::kRight}, {"size", Align::kRight}});
  for (std::size_t i = 0; i < plan.shards.size(); ++i) {
    table.add({plan.shards[i].name, std::to_string(sums[i].tensors), human_bytes(plan.shards[i].size)});
  }
  return table.text(2) + "\n";
}

std::string value_text(const std::optional<nlohmann::ordered_json>& value) {
  return value ? value->dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) : "absent";
}

std::string config_text(const Plan& plan) {
  std::string out;
  for (const auto& edit : plan.config_edits) {
    out += fmt::format("  config.json: {}: {} becomes {}\n", visible(edit.path), value_text(edit.before),
                       value_text(edit.after));
  }
  if (plan.adapter) {
    for (const auto& edit : plan.adapter->edits) {
      out += fmt::format("  adapter_config.json: {}: {} becomes {}\n", visible(edit.path),
                         value_text(edit.before), value_text(edit.after));
    }
  }
  return out.empty() ? "" : out + "\n";
}

// The plan repeats the notes on how the rules were chosen, which stand above.
std::string notes_text(const RuleSet& rules, const Plan& plan) {
  std::string out;
  for (const auto& note : plan.notes) {
    if (std::find(rules.notes.begin(), rules.notes.end(), note.message) != rules.notes.end()) continue;
    out += fmt::format("  note[{}]: {}\n", note.id.name(), visible(note.message));
    if (!note.hint.empty()) out += fmt::format("    {}\n", visible(note.hint));
  }
  return out.empty() ? "" : out + "\n";
}

bool loses(const Plan& plan) {
  return std::any_of(plan.conditions.begin(), plan.conditions.end(),
                     [](const Condition& c) { return c.kind == Condition::Kind::kAnything; });
}

// What the source's bytes have to hold, which a plan cannot know.
std::string conditions_text(const Plan& plan) {
  std::vector<std::string> lines;
  const auto scales = std::count_if(plan.conditions.begin(), plan.conditions.end(),
                                    [](const Condition& c) { return c.kind == Condition::Kind::kScale; });
  if (scales > 0)
    lines.push_back(fmt::format("the scales of {} {}, from which codes come back", scales,
                                scales == 1 ? "weight" : "weights"));
  for (const auto& condition : plan.conditions) {
    if (condition.kind == Condition::Kind::kZero)
      lines.push_back(
          fmt::format("{} of zeros is cut off by {}", to_string(condition.view.shape), condition.why));
    if (condition.kind == Condition::Kind::kEqual) lines.push_back(condition.why);
    if (condition.kind == Condition::Kind::kApart)
      lines.push_back(fmt::format("zeros where {}", condition.why));
  }
  if (lines.empty()) return "";
  constexpr std::size_t kShown = 5;
  std::string out = "  looked at before anything is written:\n";
  for (std::size_t i = 0; i < std::min(lines.size(), kShown); ++i)
    out += fmt::format("    {}\n", visible(lines[i]));
  if (lines.size() > kShown) out += fmt::format("    and {} more\n", lines.size() - kShown);
  return out + "\n";
}

std::string counted(std::size_t count, const char* one, const char* more) {
  return fmt::format("{} {}", count, count == 1 ? one : more);
}

// What the way back gives, and what it does not.
std::string claim_text(const Plan& plan) {
  if (plan.one_way)
    return "one-way: every tensor is accounted for, but whether the source comes back is not proven\n";
  std::vector<std::string> lost;
  const auto dropped =
      std::count_if(plan.fates.begin(), plan.fates.end(),
                    [](const SourceFate& fate) { return fate.kind == SourceFate::Kind::kDropped; }) -
      static_cast<std::ptrdiff_t>(plan.facts.twins.size());
  if (dropped > 0)
    lost.push_back(
        counted(static_cast<std::size_t>(dropped), "tensor that is left out", "tensors that are left out"));
  if (!plan.forward_only.empty()) {
    lost.push_back(counted(plan.forward_only.size(), "legacy name that does not come back (forward only)",
                           "legacy names that do not come back (forward only)"));
  }
  if (loses(plan)) lost.emplace_back("what is cut off and not zero");
  for (const auto& [law, count] : plan.within)
    lost.push_back(
        fmt::format("the numbers of {}, which come back {}", counted(count, "weight", "weights"), law));
  const std::size_t remembered = plan.names.kept.size() + plan.names.made.size();
  std::string out =
      "proven: every tensor is accounted for, and the way back gives the source's names, shapes and elements";
  if (!lost.empty()) out += fmt::format(", but for {}", fmt::join(lost, " and "));
  if (remembered > 0)
    out += fmt::format(" ({} by the manifest, not by the rules)", counted(remembered, "name", "names"));
  std::string text = out + "\n";
  if (!plan.forward_only.empty())
    text += fmt::format("does not come back by its name: {}\n", visible(join_some(plan.forward_only)));
  return text;
}

std::string total_text(const Checkpoint& source, const Plan& plan) {
  std::uint64_t bytes = 0;
  for (const auto& output : plan.outputs) bytes += output.bytes;
  return conditions_text(plan) +
         fmt::format("{}, {} become {}, {} in {}\n{}plan {}\n",
                     counted(source.tensors.size(), "tensor", "tensors"), human_bytes(source.total_bytes()),
                     counted(plan.outputs.size(), "tensor", "tensors"), human_bytes(bytes),
                     counted(plan.shards.size(), "file", "files"), claim_text(plan), plan.hash);
}

}  // namespace

std::string plan_text(const Checkpoint& source, const RuleSet& rules, const Plan& plan) {
  return choice_text(source, rules, plan) + transforms_text(source, plan) + dropped_text(source, plan) +
         shards_text(plan) + config_text(plan) + notes_text(rules, plan) + total_text(source, plan);
}

}  // namespace tenon
