#include "report/parity_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/text.h"
#include "checkpoint/dtype.h"
#include "report/junit.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

std::string worst_text(const char* side, const Deviation& d) {
  return fmt::format(
      "{}: {} of {} elements outside; {}{} expected {:.9g}, got {:.9g}, error {:.3g}, bound {:.3g}", side,
      d.outside, d.elements, d.worst.value, to_string(d.worst.at), d.worst.expected, d.worst.got,
      d.worst.error, d.worst.bound);
}

std::string survivors(const ModuleResult& module) {
  std::vector<std::string> names;
  for (const auto& m : module.mutants) {
    if (m.applies && !m.killed) names.push_back(fmt::format("{} ({})", m.name, m.weight));
  }
  return join_some(names);
}

std::pair<std::size_t, std::size_t> killed(const ModuleResult& module) {
  std::size_t applied = 0;
  std::size_t dead = 0;
  for (const auto& m : module.mutants) {
    applied += m.applies ? 1 : 0;
    dead += m.applies && m.killed ? 1 : 0;
  }
  return {dead, applied};
}

std::string bounded_summary(const ModuleResult& m) {
  if (m.bounded_holds())
    return fmt::format("rho {:.3g} original, {:.3g} fused", m.original.ratio, m.fused.ratio);
  if (!m.routes_admissible) return "experts were chosen that rounding does not explain";
  std::string out;
  if (!m.original.holds()) out += worst_text("original", m.original);
  if (!m.fused.holds()) out += (out.empty() ? "" : "; ") + worst_text("fused", m.fused);
  return out;
}

// JSON has no infinities: they are written as text.
Json number(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
}

Json deviation_json(const Deviation& d) {
  return {{"elements", d.elements},
          {"outside_bound", d.outside},
          {"without_bound", d.unbounded},
          {"rho", number(d.ratio)},
          {"largest_error", number(d.largest_error)},
          {"rounding_floor", number(d.rounding_floor)},
          {"worst",
           {{"value", d.worst.value},
            {"at", d.worst.at},
            {"expected", number(d.worst.expected)},
            {"got", number(d.worst.got)},
            {"error", number(d.worst.error)},
            {"bound", number(d.worst.bound)}}},
          {"rho_histogram", d.ratios},
          {"ulp_histogram", d.ulps}};
}

Json tensors_json(const std::vector<HashedTensor>& tensors) {
  Json out = Json::object();
  for (const auto& t : tensors) out[t.key] = t.hash;
  return out;
}

Json module_json(const ModuleResult& m) {
  Json checks = Json::object();
  for (const auto& check : parity_checks(m))
    checks[check.name] = {{"holds", check.holds}, {"summary", check.summary}};
  Json mutants = Json::array();
  for (const auto& mutant : m.mutants) {
    mutants.push_back({{"name", mutant.name},
                       {"weight", mutant.weight},
                       {"applies", mutant.applies},
                       {"rejected", mutant.killed},
                       {"rejected_by", mutant.killed_by}});
  }
  return {{"program", m.program},
          {"rule", m.rule},
          {"module", m.path},
          {"layer", m.layer ? Json(*m.layer) : Json()},
          {"dtype", name_of(m.dtype)},
          {"holds", m.holds()},
          {"checks", checks},
          {"original", deviation_json(m.original)},
          {"fused", deviation_json(m.fused)},
          {"mutants", mutants},
          {"seconds", {{"original", m.original_seconds}, {"fused", m.fused_seconds}}},
          {"original_tensors", tensors_json(m.original_tensors)},
          {"fused_tensors", tensors_json(m.fused_tensors)}};
}

// The module that fails worst; nullptr where all hold.
const ModuleResult* worst_module(const ParityResult& result) {
  const ModuleResult* worst = nullptr;
  for (const auto& m : result.modules) {
    if (!m.holds() && (worst == nullptr || m.fused.ratio > worst->fused.ratio)) worst = &m;
  }
  return worst;
}

std::string verdict_text(const ParitySubject& subject, const ParityResult& result) {
  const auto holding = static_cast<std::size_t>(std::count_if(
      result.modules.begin(), result.modules.end(), [](const ModuleResult& m) { return m.holds(); }));
  if (result.modules.empty()) return fmt::format("{}: FAILS: no module was compared\n", subject.original);
  return fmt::format(
      "{}: {}: {} of {} modules compute the same as the original ({} backend, {} tokens, {} of "
      "weights, {:.1f} s)\n",
      subject.original, result.holds() ? "HOLDS" : "FAILS", holding, result.modules.size(), result.backend,
      result.tokens, human_bytes(result.bytes), result.seconds);
}

}  // namespace

std::vector<ParityCheck> parity_checks(const ModuleResult& m) {
  const auto [dead, applied] = killed(m);
  return {{"bytes", m.bytes_hold(),
           m.bytes_hold() ? fmt::format("{} the same, both ways", human_bytes(m.bytes_compared))
                          : fmt::format("not what they should be: {}", join_some(m.bytes_differ))},
          {"bitwise", m.bitwise_holds(),
           m.bitwise_holds() ? fmt::format("{} elements equal", m.bitwise_elements)
                             : fmt::format("{} of {} elements differ", m.bitwise_differ, m.bitwise_elements)},
          {"bounded", m.bounded_holds(), bounded_summary(m)},
          {"no worse", m.no_worse_holds(),
           fmt::format("largest error {:.3g}, limit {:.3g}", m.fused.largest_error, m.worse_limit())},
          {"power", m.power_holds(),
           m.power_holds() ? fmt::format("{} of {} mutants rejected", dead, applied)
           : applied == 0  ? "no mutant applies: this run could not have failed"
                           : fmt::format("{} of {} mutants rejected, not: {}", dead, applied, survivors(m))}};
}

ParitySubject parity_subject(const std::string& original, const std::string& fused, const RuleSet& rules) {
  ParitySubject out{original, fused, {}};
  for (const auto& file : rules.files) {
    RuleRecord record;
    record.name = file.name;
    record.hash = file.hash;
    out.rules.push_back(std::move(record));
  }
  return out;
}

std::string parity_text(const ParitySubject& subject, const ParityResult& result) {
  std::string out = verdict_text(subject, result);
  if (const ModuleResult* const worst = worst_module(result)) {
    const Deviation& d = worst->fused.holds() ? worst->original : worst->fused;
    out += fmt::format("worst: {} of {}{}: {}\n", worst->path, worst->program,
                       worst->layer ? fmt::format(", layer {}", *worst->layer) : "",
                       worst_text(&d == &worst->fused ? "fused" : "original", d));
  }
  for (const auto& m : result.modules) {
    out +=
        fmt::format("\n{} {} ({}, {})\n", m.holds() ? "holds" : "FAILS", m.path, m.program, name_of(m.dtype));
    for (const auto& check : parity_checks(m))
      out += fmt::format("  {:8}  {}  {}\n", check.name, check.holds ? "ok   " : "FAILS", check.summary);
  }
  if (!result.uncovered.empty()) out += "\nNot compared:\n";
  for (const auto& u : result.uncovered)
    out += fmt::format("  {}{}: {}\n", u.program, u.path.empty() ? "" : " at " + u.path, u.reason);
  return out;
}

Json parity_json(const ParitySubject& subject, const ParityResult& result) {
  Json rules = Json::array();
  for (const auto& rule : subject.rules) rules.push_back({{"name", rule.name}, {"hash", rule.hash}});
  Json modules = Json::array();
  for (const auto& m : result.modules) modules.push_back(module_json(m));
  Json uncovered = Json::array();
  for (const auto& u : result.uncovered)
    uncovered.push_back({{"program", u.program}, {"module", u.path}, {"reason", u.reason}});
  return {{"tenon", TENON_VERSION},
          {"report", "parity"},
          {"holds", result.holds()},
          {"original", subject.original},
          {"fused", subject.fused.empty() ? Json() : Json(subject.fused)},
          {"backend", result.backend},
          {"machine", result.machine},
          {"weight_bytes", result.bytes},
          {"tokens", result.tokens},
          {"seed", result.seed},
          {"seconds", result.seconds},
          {"rules", rules},
          {"modules", modules},
          {"not_compared", uncovered}};
}

std::string parity_junit(const ParityResult& result) {
  std::vector<JUnitCase> cases;
  for (const auto& m : result.modules) {
    for (const auto& check : parity_checks(m)) {
      JUnitCase test;
      test.group = m.program + "." + m.path;
      test.name = check.name;
      test.state = check.holds ? JUnitCase::State::kPassed : JUnitCase::State::kFailed;
      (check.holds ? test.output : test.message) = check.summary;
      cases.push_back(std::move(test));
    }
  }
  if (cases.empty()) {
    JUnitCase none;
    none.group = "parity";
    none.name = "modules";
    none.state = JUnitCase::State::kFailed;
    none.message = "no module was compared";
    cases.push_back(std::move(none));
  }
  return junit_xml("tenon parity", cases);
}

}  // namespace tenon
