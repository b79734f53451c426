// What numbers lost in a finished conversion.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/observer.h"
#include "engine/damage.h"
#include "options/options.h"
#include "rules/library.h"
#include "tasks/conversion.h"

namespace tenon {

struct DamageReport {
  std::string source;
  std::string destination;
  /// of the plan that was carried out
  std::string plan;
  /// tensors of the source whose numbers were taken back, each with what it lost
  std::vector<Damage> tensors;
  /// those that an operation on numbers took and that are none of F32, BF16 and F16, such as codes
  std::uint64_t unmeasured = 0;
  /// those that no operation on numbers took
  std::uint64_t untouched = 0;
};

/// What a conversion lost is measured by taking it back, which one that goes back itself leaves no way for.
/// Throws UserError of such a one.
void require_way_there(const PlannedConversion& planned, const Options& options);

/// Reads what `options.destination` holds, takes its numbers back as its manifest says, and compares them
/// with those of the source. Throws UserError where there is no way back, else as convert().
DamageReport damage_of(const PlannedConversion& done, const Options& options, const Library& library,
                       Observer& observer);

}  // namespace tenon
