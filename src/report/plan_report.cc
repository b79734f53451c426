#include "report/plan_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "report/table.h"

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
  return out.empty() ? "" : out + "\n";
}

// The plan repeats the notes on how the rules were chosen, which stand above.
std::string notes_text(const RuleSet& rules, const Plan& plan) {
  std::string out;
  for (const auto& note : plan.notes) {
    if (std::find(rules.notes.begin(), rules.notes.end(), note.message) != rules.notes.end()) continue;
    out += fmt::format("  note: {}\n", visible(note.message));
    if (!note.hint.empty()) out += fmt::format("    {}\n", visible(note.hint));
  }
  return out.empty() ? "" : out + "\n";
}

std::string total_text(const Checkpoint& source, const Plan& plan) {
  std::uint64_t bytes = 0;
  for (const auto& output : plan.outputs) bytes += output.bytes;
  return fmt::format(
      "{} tensors, {} become {} tensors, {} in {} file{}\n"
      "proven: every tensor is accounted for, and the way back gives the source's names, shapes and "
      "elements\n"
      "plan {}\n",
      source.tensors.size(), human_bytes(source.total_bytes()), plan.outputs.size(), human_bytes(bytes),
      plan.shards.size(), plan.shards.size() == 1 ? "" : "s", plan.hash);
}

}  // namespace

std::string plan_text(const Checkpoint& source, const RuleSet& rules, const Plan& plan) {
  return choice_text(source, rules, plan) + transforms_text(source, plan) + dropped_text(source, plan) +
         shards_text(plan) + config_text(plan) + notes_text(rules, plan) + total_text(source, plan);
}

}  // namespace tenon
