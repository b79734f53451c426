#include "report/parity_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/text.h"
#include "report/junit.h"
#include "tensor/dtype.h"

namespace tenon {
namespace {

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

// What a module's program does not read, in a line; empty: nothing.
std::string unread_text(const std::vector<UnreadWeight>& weights) {
  if (weights.empty()) return "";
  std::uint64_t bytes = 0;
  std::vector<std::string> names;
  std::vector<std::string> wrong;
  for (const auto& w : weights) {
    bytes += w.bytes;
    names.push_back(w.key);
    if (w.differs) wrong.push_back(w.key);
  }
  return fmt::format("{} checked by their bytes alone{}: {}", human_bytes(bytes),
                     wrong.empty() ? "" : fmt::format(", NOT what they should be: {}", join_some(wrong)),
                     join_some(names));
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
  if (result.modules.empty() && result.holds())
    return fmt::format("{}: HOLDS: tensors are only renamed, there is nothing to compute with\n",
                       subject.original);
  if (result.modules.empty())
    return fmt::format(
        "{}: FAILS: no module was compared{}\n", subject.original,
        result.changed_bytes > 0 && result.uncovered.empty()
            ? ": no program says what these tensors compute (docs/module-programs.md teaches it)"
            : "");
  return fmt::format(
      "{}: {}: {} of {} modules compute the same as the original ({} backend, {} tokens, {} of "
      "weights, {:.1f} s)\n",
      subject.original, parity_verdict(result), holding, result.modules.size(), result.backend, result.tokens,
      human_bytes(result.bytes), result.seconds);
}

}  // namespace

std::string parity_verdict(const ParityResult& result) {
  if (!result.holds()) return "FAILS";
  return result.covers() ? "HOLDS" : "HOLDS FOR WHAT WAS COMPARED";
}

std::string parity_coverage(const ParityResult& result) {
  std::string out = fmt::format("{} of {} whose elements move were compared by programs",
                                human_bytes(result.changed_compared), human_bytes(result.changed_bytes));
  if (result.is_part) out += " (a part was asked for)";
  const std::string left = unread_text(result.by_bytes_alone);
  return left.empty() ? out : out + "; " + left;
}

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

std::string parity_text(const ParitySubject& subject, const ParityResult& result, bool all) {
  constexpr std::size_t kFew = 8;
  const bool in_full = all || result.modules.size() <= kFew;
  std::string out = verdict_text(subject, result);
  out += "coverage: " + parity_coverage(result) + "\n";
  if (const ModuleResult* const worst = worst_module(result)) {
    const Deviation& d = worst->fused.holds() ? worst->original : worst->fused;
    out += fmt::format("worst: {} of {}{}: {}\n", worst->path, worst->program,
                       worst->layer ? fmt::format(", layer {}", *worst->layer) : "",
                       worst_text(&d == &worst->fused ? "fused" : "original", d));
  }
  for (const auto& m : result.modules) {
    out +=
        fmt::format("{}{} {} ({}{}, {})\n", m.holds() && !in_full ? "" : "\n", m.holds() ? "holds" : "FAILS",
                    m.path, m.program, m.claims.empty() ? "" : ": " + m.claims, name_of(m.dtype));
    if (!m.unread.empty()) out += fmt::format("  never read: {}\n", unread_text(m.unread));
    if (m.holds() && !in_full) continue;
    for (const auto& check : parity_checks(m))
      out += fmt::format("  {:8}  {}  {}\n", check.name, check.holds ? "ok   " : "FAILS", check.summary);
  }
  if (!in_full) out += "(-v shows the checks of modules that hold)\n";
  if (!result.uncovered.empty()) out += "\nNot compared:\n";
  for (const auto& u : result.uncovered)
    out += fmt::format("  {}{}: {}\n", u.program, u.path.empty() ? "" : " at " + u.path, u.reason);
  return out;
}

std::string parity_junit(const ParityResult& result) {
  std::vector<JUnitCase> cases;
  for (const auto& m : result.modules) {
    for (const auto& check : parity_checks(m)) {
      JUnitCase test;
      test.group = m.program;
      // Dashboards list by name alone.
      test.name = m.path + " " + check.name;
      // The checks of a module are made together: their time stands with the first.
      if (check.name == "bytes") test.seconds = m.check_seconds;
      test.state = check.holds ? JUnitCase::State::kPassed : JUnitCase::State::kFailed;
      (check.holds ? test.output : test.message) = check.summary;
      if (check.name == "bytes" && !m.unread.empty()) test.output += "; never read: " + unread_text(m.unread);
      if (check.name == "bounded" && !m.claims.empty()) test.output += "; compared: " + m.claims;
      cases.push_back(std::move(test));
    }
  }
  if (!result.modules.empty()) {
    JUnitCase coverage;
    coverage.group = "parity";
    coverage.name = "coverage";
    coverage.state = result.covers() ? JUnitCase::State::kPassed : JUnitCase::State::kFailed;
    (result.covers() ? coverage.output : coverage.message) = parity_coverage(result);
    cases.push_back(std::move(coverage));
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
