// JSON files of a checkpoint (config, index, manifest), read strictly: no duplicate key, no NaN, no byte that
// two parsers could read differently, bounded depth.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace tenon {

/// Is shown every element of every list that is a member of the document's root object; those for which it
/// returns true are not kept in the document.
using TakeElement = std::function<bool(std::string_view member, const nlohmann::ordered_json& element)>;

/// Throws UserError with line, column and caret at the first defect. Keys keep their order. `file` is for
/// messages only. With `take`, long lists need not be held as a whole.
nlohmann::ordered_json parse_json(std::string_view text, const std::string& file,
                                  const TakeElement& take = {});

/// What a parser's exception says, without its own idea of the place.
std::string defect_of(const nlohmann::json::exception& exception);

/// Text out of a file (a key, a name) as messages show it: control characters escaped, cut when long.
std::string shown(std::string_view text);

}  // namespace tenon
