#include "report/model_card.h"

#include <fmt/format.h>

#include <vector>

namespace tenon {
namespace {

std::string rules_text(const Manifest& manifest) {
  std::vector<std::string> names;
  for (const RuleRecord& rule : manifest.rules) {
    if (rule.chosen || rule.family) names.push_back(fmt::format("`{}`", rule.name));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string way_back_text(const Manifest& manifest) {
  if (manifest.merged) return "There is no way back.";
  if (manifest.options.one_way) return "It was made one-way: going back need not give its source.";
  return manifest.layout == Layout::kFused
             ? "`tenon convert DIR BACK --to original` gives the files that it was made of."
             : "`tenon convert DIR FUSED` gives the fused layout again.";
}

}  // namespace

std::string model_card(const Manifest& manifest) {
  std::string out = fmt::format(
      "## Layout\n\nThis checkpoint is in the *{}* layout, made by tenon {}: {} tensors out of {}.",
      name_of(manifest.layout), manifest.tenon_version, manifest.output.size(), manifest.source.size());
  if (const std::string rules = rules_text(manifest); !rules.empty())
    out += fmt::format(" Rules: {}; plan `{}`.", rules, manifest.plan_hash);
  if (manifest.merged) out += " A low-rank adapter was added to the weights, each sum rounded once.";
  if (!manifest.filled.empty())
    out += fmt::format(" {} tensors that its source lacked came from where that was trained from.",
                       manifest.filled.size());
  out += "\n\n";
  for (const auto& [key, reason] : manifest.dropped)
    out += fmt::format("- `{}` was left out: {}\n", key, reason);
  if (!manifest.dropped.empty()) out += "\n";
  out += fmt::format("`tenon verify DIR` checks every tensor against `tenon-manifest.json`. {}\n",
                     way_back_text(manifest));
  return out;
}

}  // namespace tenon
