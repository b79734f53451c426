// Does a parity report still speak of the checkpoints at hand?
#pragma once

#include <string>
#include <vector>

#include "base/observer.h"
#include "tasks/parity_record.h"
#include "tasks/verify.h"

namespace tenon {

struct ParityCheckRequest {
  /// a report.json
  std::string report;
  /// empty: where the report says
  std::string original;
  /// likewise; where the report has none, its hashes of fused weights are not checked
  std::string fused;
};

struct ParityCheckResult {
  ParityRecord record;
  /// the checkpoints against it
  std::vector<VerifyReport> sides;

  bool holds() const;
};

/// Hashes the tensors that the report names and compares. Throws UserError, SystemError, Interrupted.
ParityCheckResult check_parity_report(const ParityCheckRequest& request, Observer& observer);

}  // namespace tenon
