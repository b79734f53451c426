// What `tenon rules` shows: the library's files, and one of them flattened, with where each transform came
// from.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "rules/library.h"
#include "rules/rule_set.h"

namespace tenon {

std::string rules_list_text(const Library& library);
nlohmann::ordered_json rules_list_json(const Library& library);

/// The schema of rules_list_json().
nlohmann::ordered_json rules_list_schema();

/// `flat` is what flatten() makes of `file`; of a family it is empty, and the family's own transforms are
/// shown.
std::string rules_show_text(const RuleFile& file, const RuleSet& flat);
nlohmann::ordered_json rules_show_json(const RuleFile& file, const RuleSet& flat);

/// The schema of rules_show_json().
nlohmann::ordered_json rules_show_schema();

}  // namespace tenon
