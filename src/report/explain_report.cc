#include "report/explain_report.h"

#include <fmt/format.h>

#include "base/text.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

Layout other(Layout layout) {
  return layout == Layout::kFused ? Layout::kOriginal : Layout::kFused;
}

std::string list_text(const char* title, const std::vector<std::string>& items) {
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    out += fmt::format("  {:<8} {}\n", i == 0 ? title : "", visible(items[i]));
  }
  return out;
}

std::string steps_text(const std::vector<ExplainedStep>& steps) {
  std::string out;
  for (const auto& step : steps) {
    out += fmt::format("  {} {}\n", step.made ? '+' : '-', visible(step.transform));
    if (step.made) {
      out += fmt::format("      {}\n   -> {}\n", visible(step.saw), visible(*step.made));
    } else {
      out += fmt::format("      {}\n", visible(step.why_not));
    }
  }
  return steps.empty() ? "  no transforms\n" : out;
}

Json steps_json(const std::vector<ExplainedStep>& steps) {
  Json out = Json::array();
  for (const auto& step : steps) {
    out.push_back({{"transform", step.transform},
                   {"saw", step.saw},
                   {"made", step.made ? Json(*step.made) : Json(nullptr)},
                   {"why_not", step.why_not}});
  }
  return out;
}

}  // namespace

std::string explain_text(const Explanation& explanation, Layout to) {
  std::string out = fmt::format("{} ({})\n", visible(explanation.key),
                                explanation.is_source ? "in the source" : "in the output");
  if (!explanation.dropped.empty()) out += fmt::format("  left out {}\n", visible(explanation.dropped));
  if (explanation.is_source) out += list_text("becomes", explanation.results);
  out += list_text("made of", explanation.made_of);
  if (!explanation.made_by.empty()) out += fmt::format("  {:<8} {}\n", "by", visible(explanation.made_by));
  out +=
      fmt::format("\nto the {} layout (+ fired, - did not):\n{}", name_of(to), steps_text(explanation.steps));
  if (explanation.back_steps.empty()) return out;
  const std::string from = explanation.results.empty() ? explanation.key : explanation.results.front();
  return out + fmt::format("\nand back to the {} layout, from {}:\n{}", name_of(other(to)), visible(from),
                           steps_text(explanation.back_steps));
}

Json explain_json(const Explanation& explanation, Layout to) {
  return {{"key", explanation.key},
          {"in", explanation.is_source ? "source" : "output"},
          {"to", name_of(to)},
          {"becomes", explanation.results},
          {"made_of", explanation.made_of},
          {"made_by", explanation.made_by},
          {"dropped", explanation.dropped},
          {"steps", steps_json(explanation.steps)},
          {"back_steps", steps_json(explanation.back_steps)}};
}

}  // namespace tenon
