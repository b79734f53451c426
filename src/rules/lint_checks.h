// The groups of lint checks that look at a rule file and its flat list. Each adds its findings about the
// file's own transforms.
#pragma once

#include <deque>

#include "rules/lint.h"
#include "rules/lint_probe.h"

namespace tenon {

struct LintSubject {
  const RuleFile& file;
  const Library& library;
  std::deque<Probe> probes;  // of the flat list, in order: includes', own, those of parts that need no config
  Findings& findings;

  bool is_own(const Probe& probe) const {
    return probe.transform().rule == file.name && probe.transform().included_from.empty();
  }
  void add(std::string_view id, const Probe& probe, std::string message, std::string hint) const {
    findings.add(id, probe.transform().place, std::move(message), std::move(hint), probe.transform().index);
  }
};

void lint_patterns(LintSubject& subject);     // loose dots, neighbours, endless backtracking
void lint_lookarounds(LintSubject& subject);  // those that are lost on the way back
void lint_order(LintSubject& subject);       // shadowed transforms, renamings whose order matters, collisions
void lint_inverse(LintSubject& subject);     // transforms, and lists, that do not invert
void lint_operations(LintSubject& subject);  // arity, unknown part sizes, PermuteForRope
void lint_references(LintSubject& subject);  // includes, sub-models, detection, families, the file's name

}  // namespace tenon
