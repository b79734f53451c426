// Lint: what is wrong, or about to go wrong, in a rule file. Every claim about keys comes with a key on which
// the file's own patterns were seen to do it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostics.h"
#include "rules/library.h"
#include "rules/rule_set.h"

namespace tenon {

/// A kind of finding: its stable id, how serious it is, and what it says in one sentence.
struct FindingKind {
  std::string_view id;
  Severity severity;
  std::string_view about;
  bool against = false;  // found only with a checkpoint
};

const std::vector<FindingKind>& finding_kinds();

struct Finding {
  Diagnostic diagnostic;         // its id is that of a FindingKind
  std::optional<int> transform;  // index in the file's own list
};

class Findings {
 public:
  /// The severity is that of the kind `id`.
  void add(std::string_view id, Place place, std::string message, std::string hint,
           std::optional<int> transform = std::nullopt);
  /// What the parser said; what has no id of its own becomes a `schema` finding.
  void add(const Diagnostics& parsed);

  const std::vector<Finding>& all() const { return all_; }
  bool has(std::string_view id, int transform) const;

 private:
  std::vector<Finding> all_;
};

/// Checks a file that parsed without errors.
void lint_file(const RuleFile& file, const Library& library, Findings& findings);

/// The findings that count, by place: without those that the file silences, of a release's file with loose
/// patterns as notes, and with a note for a silence that silences nothing. `with_checkpoint`: were the
/// findings looked for that only a checkpoint shows?
std::vector<Diagnostic> settle(const RuleFile& file, const Findings& findings, bool with_checkpoint);

}  // namespace tenon
