#include "report/explain_report.h"

#include <fmt/format.h>

#include "base/fields.h"
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

std::string steps_text(const std::vector<ExplainedStep>& steps, bool all) {
  std::string out;
  std::size_t silent = 0;
  for (const auto& step : steps) {
    if (!step.made && !all) {
      ++silent;
      continue;
    }
    out += fmt::format("  {} {}\n", step.made ? '+' : '-', visible(step.transform));
    if (step.made) {
      out += fmt::format("      {}\n   -> {}\n", visible(step.saw), visible(*step.made));
    } else {
      out += fmt::format("      {}\n", visible(step.why_not));
    }
  }
  if (silent > 0)
    out += fmt::format("  {} transform{} did not fire (-v shows them)\n", silent, silent == 1 ? "" : "s");
  return steps.empty() ? "  no transforms\n" : out;
}

// An explanation and the layout that it leads to.
struct ExplainedKey {
  const Explanation& what;
  Layout to;
};

}  // namespace

template <>
struct FieldsOf<ExplainedStep> {
  static std::vector<Field<ExplainedStep>> fields() {
    return {
        field<ExplainedStep>("transform", &ExplainedStep::transform, "In words"),
        field<ExplainedStep>("saw", &ExplainedStep::saw, "The key that it was given"),
        field<ExplainedStep>(
            "made", [](const ExplainedStep& s) { return OrNull<std::string>{s.made}; },
            "The key that it made of it; null: it did not fire"),
        field<ExplainedStep>("why_not", &ExplainedStep::why_not, "Why it did not; empty: it fired"),
    };
  }
};

template <>
struct FieldsOf<ExplainedKey> {
  static std::vector<Field<ExplainedKey>> fields() {
    return {
        field<ExplainedKey>(
            "key", [](const ExplainedKey& e) { return e.what.key; }, "The key that was asked for"),
        field<ExplainedKey>(
            "in", [](const ExplainedKey& e) { return std::string(e.what.is_source ? "source" : "output"); },
            "source or output: where that key stands"),
        field<ExplainedKey>(
            "to", [](const ExplainedKey& e) { return std::string(name_of(e.to)); },
            "The layout of the output"),
        field<ExplainedKey>(
            "becomes", [](const ExplainedKey& e) { return e.what.results; },
            "Keys of the output that it goes into"),
        field<ExplainedKey>(
            "made_of", [](const ExplainedKey& e) { return e.what.made_of; },
            "Keys of the source that it is made of"),
        field<ExplainedKey>(
            "made_by", [](const ExplainedKey& e) { return e.what.made_by; }, "The transform that made it"),
        field<ExplainedKey>(
            "computed", [](const ExplainedKey& e) { return e.what.computed; },
            "Where elements of the first result are computed: inputs, steps and the result, and the tensors "
            "read"),
        field<ExplainedKey>(
            "dropped", [](const ExplainedKey& e) { return e.what.dropped; },
            "Why it is left out; empty: it is not"),
        field<ExplainedKey>(
            "steps", [](const ExplainedKey& e) { return e.what.steps; }, "Every transform, in order"),
        field<ExplainedKey>(
            "back_steps", [](const ExplainedKey& e) { return e.what.back_steps; }, "And on the way back"),
    };
  }
};

std::string explain_text(const Explanation& explanation, Layout to, bool all) {
  std::string out = fmt::format("{} ({})\n", visible(explanation.key),
                                explanation.is_source ? "in the source" : "in the output");
  if (!explanation.dropped.empty()) out += fmt::format("  left out {}\n", visible(explanation.dropped));
  if (explanation.is_source) out += list_text("becomes", explanation.results);
  out += list_text("made of", explanation.made_of);
  out += list_text("computed", explanation.computed);
  if (!explanation.made_by.empty()) out += fmt::format("  {:<8} {}\n", "by", visible(explanation.made_by));
  out += fmt::format("\nto the {} layout (+ fired, - did not):\n{}", name_of(to),
                     steps_text(explanation.steps, all));
  if (explanation.back_steps.empty()) return out;
  const std::string from = explanation.results.empty() ? explanation.key : explanation.results.front();
  return out + fmt::format("\nand back to the {} layout, from {}:\n{}", name_of(other(to)), visible(from),
                           steps_text(explanation.back_steps, all));
}

Json explain_json(const Explanation& explanation, Layout to) {
  return document_of(ExplainedKey{explanation, to});
}

Json explain_schema() {
  return document_schema<ExplainedKey>("tenon explain --json");
}

}  // namespace tenon
