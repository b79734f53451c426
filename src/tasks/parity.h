// Do fused modules compute what the original ones did? From two paths to a result.
#pragma once

#include <string>

#include "base/observer.h"
#include "parity/open_backend.h"
#include "parity/result.h"
#include "rules/rule_set.h"
#include "tasks/convert.h"

namespace tenon {

struct ParityRequest {
  std::string original;
  /// empty: the fused weights are those that the plan makes
  std::string fused;
  Options plan;
  ParityOptions options;
  BackendChoice machine = BackendChoice::kAuto;
};

/// What was compared, by which rules, and what came of it.
struct ParityOutcome {
  RuleSet rules;
  ParityResult result;
};

/// Plans, opens and runs. Warnings, the backend and progress, module by module, go to the observer. Throws
/// UserError, also where no program ran on the module that was asked for, SystemError, Interrupted.
ParityOutcome parity(const ParityRequest& request, const Library& library, Observer& observer);

}  // namespace tenon
