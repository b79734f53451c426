#include "lint/lint.h"

#include "lint/checks.h"
#include "rules/choose_rules.h"

namespace tenon {
namespace {

// The flat list of the file's own transforms, its includes' and those of its parts that need no config, each
// ready to be tried on keys. A transform that cannot be is a finding.
std::deque<Probe> probes_of(const RuleFile& file, const Library& library, Findings& findings) {
  Diagnostics elsewhere;  // values from a config that is not there, includes that lint_references reports
  RuleSet flat;
  try {
    flat = flatten(file, nlohmann::ordered_json::object(), library, elsewhere);
  } catch (const UserError&) {
    flat.transforms = file.transforms;
  }
  std::deque<Probe> out;
  for (const auto& t : flat.transforms) {
    try {
      out.emplace_back(t);
    } catch (const UserError& e) {
      const Diagnostic& d = e.diagnostics().front();
      if (t.rule == file.name) findings.add("not-invertible"_id, t.place, d.message, d.hint, t.index);
    }
  }
  return out;
}

}  // namespace

void lint_file(const RuleFile& file, const Library& library, Findings& findings) {
  LintSubject subject{file, library, probes_of(file, library, findings), findings};
  lint_references(subject);
  lint_patterns(subject);
  lint_lookarounds(subject);
  lint_operations(subject);
  lint_order(subject);
  lint_inverse(subject);
}

}  // namespace tenon
