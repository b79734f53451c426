// `tenon parity --check`: does a report still speak of the checkpoints at hand?
#pragma once

#include <string>

#include "cli/command.h"
#include "cli/console.h"

namespace tenon {

struct ParityCheckFlags {
  std::string report;    // a report.json
  std::string original;  // empty: where the report says
  std::string fused;     // likewise; where the report has none, its hashes of fused weights are not checked
  bool json = false;
};

/// Hashes the tensors that the report names and compares. Throws UserError, SystemError.
Verdict check_parity_report(const ParityCheckFlags& flags, Console& console);

}  // namespace tenon
