// What a checkpoint lost, from the one that it started from: whole tensors, under the names that both have.
#pragma once

#include "checkpoint/checkpoint.h"

namespace tenon {

/// Adds to `checkpoint` every tensor of `origin` whose key it lacks; says how many as a warning of severity
/// note. `name` is the origin as the user gave it. Throws UserError where a tensor does not fit: another
/// dtype or shape than its like, or than both checkpoints have under one key; where the two are in different
/// layouts.
void fill_from(Checkpoint& checkpoint, const Checkpoint& origin, const std::string& name);

}  // namespace tenon
