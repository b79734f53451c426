// What `tenon explain` shows: which transform touched a key and which did not, both ways.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "checkpoint/manifest.h"
#include "plan/explain.h"

namespace tenon {

/// `to` is the layout that the plan goes to.
/// `all`: transforms that did not fire too, else how many there were.
std::string explain_text(const Explanation& explanation, Layout to, bool all = false);
nlohmann::ordered_json explain_json(const Explanation& explanation, Layout to);

/// The schema of explain_json().
nlohmann::ordered_json explain_schema();

}  // namespace tenon
