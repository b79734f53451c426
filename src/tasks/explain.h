// Why a key becomes what it becomes, in a conversion of one half or two.
#pragma once

#include <string>

#include "plan/explain.h"
#include "tasks/conversion.h"

namespace tenon {

/// As explain_key; through a layout that is never written, the steps of both halves one behind the other.
Explanation explain_planned(const PlannedConversion& planned, const std::string& key);

}  // namespace tenon
