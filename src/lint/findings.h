// What lint has against a rule file: the kinds of findings, the findings, and those that count in the end.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostics.h"
#include "rules/rule_set.h"

namespace tenon {

/// A kind of finding: its id, and how serious it is.
struct FindingKind {
  ErrorId id;
  Severity severity;
  /// Found only with a checkpoint.
  bool against = false;
};

const std::vector<FindingKind>& finding_kinds();

struct Finding {
  /// its id is that of a FindingKind
  Diagnostic diagnostic;
  /// index in the file's own list
  std::optional<int> transform;
};

class Findings {
 public:
  /// The severity is that of the kind `id`.
  void add(ErrorId id, Place place, std::string message, std::string hint,
           std::optional<int> transform = std::nullopt);
  /// What the parser said; what has no id of its own becomes a `schema` finding.
  void add(const Diagnostics& parsed);

  const std::vector<Finding>& all() const { return all_; }
  bool has(ErrorId id, int transform) const;

 private:
  std::vector<Finding> all_;
};

/// The findings that count, by place: without those that the file silences, of a release's file with loose
/// patterns as notes, and with a note for a silence that silences nothing. `with_checkpoint`: were the
/// findings looked for that only a checkpoint shows?
std::vector<Diagnostic> settle(const RuleFile& file, const Findings& findings, bool with_checkpoint);

}  // namespace tenon
