// The groups of lint checks that look at a rule file and its flat list. Each adds its findings about the
// file's own transforms.
#pragma once

#include <deque>

#include "lint/findings.h"
#include "lint/probe.h"
#include "rules/library.h"

namespace tenon {

struct LintSubject {
  const RuleFile& file;
  const Library& library;
  /// of the flat list, in order: includes', own, those of parts that need no config
  std::deque<Probe> probes;
  Findings& findings;

  bool is_own(const Probe& probe) const {
    return probe.transform().rule == file.name && probe.transform().included_from.empty();
  }
  void add(ErrorId id, const Probe& probe, std::string message, std::string hint) const {
    findings.add(id, probe.transform().place, std::move(message), std::move(hint), probe.transform().index);
  }
};

/// loose dots, neighbours, endless backtracking
void lint_patterns(LintSubject& subject);
/// those that are lost on the way back
void lint_lookarounds(LintSubject& subject);
/// shadowed transforms, renamings whose order matters, collisions
void lint_order(LintSubject& subject);
/// transforms, and lists, that do not invert
void lint_inverse(LintSubject& subject);
/// arity, unknown part sizes, PermuteForRope
void lint_operations(LintSubject& subject);
/// includes, sub-models, detection, families, the file's name
void lint_references(LintSubject& subject);

}  // namespace tenon
