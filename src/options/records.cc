#include "options/records.h"

#include <fmt/format.h>

namespace tenon {

std::map<std::string, std::string> options_for_journal(const Options& options) {
  std::map<std::string, std::string> out;
  for (const Option& option : all_options()) {
    const Recorded recorded = option.recorded_in_journal();
    if (recorded == Recorded::kNever) continue;
    if (recorded == Recorded::kIfGiven && option.member.is_default(options)) continue;
    out[option.flag()] = fmt::format("{}", fmt::join(option.member.texts(options), ","));
  }
  return out;
}

void take_recorded(const Options& recorded, Options& options) {
  for (const Option& option : all_options()) {
    if (option.affects == Affects::kPermission && option.member.arity == Arity::kFlag) {
      option.member.read(options, "true", option.bounds);
    } else if (option.recorded_in_manifest() != Recorded::kNever && option.member.is_default(options)) {
      option.member.copy(recorded, options);
    }
  }
}

}  // namespace tenon
