#include "options/options.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace tenon {

std::string_view name_of(Group group) {
  switch (group) {
    case Group::kRules:
      return "Rules and layout";
    case Group::kOutput:
      return "Output";
    case Group::kSafety:
      return "Safety";
    case Group::kChecks:
      return "What is checked";
    case Group::kRunning:
      return "Running";
    case Group::kReport:
      return "Report";
    case Group::kGeneral:
      return "General";
  }
  return "";
}

std::string Option::flag() const {
  std::string out = fmt::format("--{}{}", member.on_by_default ? "no-" : "", name);
  std::replace(out.begin(), out.end(), '_', '-');
  return out;
}

std::vector<std::string_view> Option::all_choices() const {
  return choices.empty() ? member.choices : choices;
}

bool Option::belongs_to(std::string_view command) const {
  std::string_view rest = commands;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    const std::string_view name = rest.substr(0, end);
    if (name == command || (name == "*" && command != "job")) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

Recorded Option::recorded_in_manifest() const {
  const bool as_a_rule = affects == Affects::kPlan || affects == Affects::kPermission;
  return in_manifest.value_or(as_a_rule ? Recorded::kIfGiven : Recorded::kNever);
}

Recorded Option::recorded_in_journal() const {
  const bool as_a_rule = affects == Affects::kPlan || affects == Affects::kWriting;
  return in_journal.value_or(as_a_rule ? Recorded::kIfGiven : Recorded::kNever);
}

ReadResult Option::read(Options& options, std::string_view text) const {
  if (!choices.empty() && std::find(choices.begin(), choices.end(), text) == choices.end()) {
    return Mistake{fmt::format("'{}' is none of its values", text),
                   fmt::format("They are {}.", join_some({choices.begin(), choices.end()}, choices.size()))};
  }
  return member.read(options, text, bounds);
}

const std::vector<Option>& all_options() {
  static const std::vector<Option> table = {
#define TENON_OPTION(type, id, fallback, ...) \
  Option{.member = member_of<&Options::id>(), .name = #id, __VA_ARGS__},
#define TENON_OPTION_AGAIN(id, ...) Option{.member = member_of<&Options::id>(), .name = #id, __VA_ARGS__},
#include "options/option_table.inc"
#undef TENON_OPTION
#undef TENON_OPTION_AGAIN
  };
  return table;
}

std::vector<const Option*> options_of(std::string_view command) {
  std::vector<const Option*> out;
  for (const Option& option : all_options()) {
    if (option.belongs_to(command)) out.push_back(&option);
  }
  return out;
}

}  // namespace tenon
