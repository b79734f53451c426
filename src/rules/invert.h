// The inverse of an operation, of a transform, and of a rule list.
#pragma once

#include <functional>
#include <vector>

#include "rules/language/transform.h"

namespace tenon {

Operation invert(const Operation& operation);
Transform invert(const Transform& transform);

/// The list reversed, each transform inverted, those left out for which `keep` is false (not used on the way
/// here, or forward only).
std::vector<Transform> invert(const std::vector<Transform>& transforms,
                              const std::function<bool(const Transform&)>& keep);

}  // namespace tenon
