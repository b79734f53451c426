// What a fuzz target demands of the code: where it does not hold, the input is a finding.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/diagnostics.h"

namespace tenon::fuzz {

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

/// A refusal says something, about the file that was given, in a text that fits a terminal.
inline void require_useful(const UserError& error) {
  require(!error.diagnostics().empty(), "a refusal has a diagnostic");
  for (const Diagnostic& d : error.diagnostics()) {
    require(!d.message.empty(), "a diagnostic has a message");
    require(render(d, false).size() < 100'000, "a message is of reasonable length");
  }
}

}  // namespace tenon::fuzz
