// What the inverse of a value operation gives back: the lemmas.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plan/laws.h"
#include "rules/operations/value_scope.h"

namespace tenon {

/// Codes come back while each scale, times the one that serves all, is at least `least` and below `limit`.
struct ScaleRange {
  std::string role;
  // of a scale for the whole tensor; empty: there is none
  std::string global;
  bool divides = false;
  double least = 0;
  double limit = 0;
};

struct WayBackOfValues {
  // every number comes back as it was, given what is kept
  bool exact = true;
  // roles that the way back needs
  std::vector<std::string> kept;
  // where it is not exact: why, and how far numbers are off, where that is known
  std::string lossy;
  std::optional<Law> law;
  // what must hold of the scales; where it does not, the codes themselves have to be kept
  std::optional<ScaleRange> range;
};

/// Of what one operation made. Each answer is measured over all codes by tests/unit/lemmas_test.cc.
WayBackOfValues way_back_of(const Derivation& derivation);

}  // namespace tenon
