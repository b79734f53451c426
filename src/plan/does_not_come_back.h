// What the way back does not give, by the manifest of the way there.
#pragma once

#include "checkpoint/checkpoint.h"
#include "plan/plan.h"

namespace tenon {

/// On the way back by a manifest: notes what the source had and is not made now, or is made otherwise.
void say_what_does_not_come_back(const Checkpoint& checkpoint, Plan& plan);

}  // namespace tenon
