// JSON files of a checkpoint (config, index, manifest), read strictly: no duplicate key, no NaN, bounded size
// and depth.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace tenon {

/// Throws UserError with line, column and caret at the first defect. Keys keep their order. `file` is for
/// messages only.
nlohmann::ordered_json parse_json(std::string_view text, const std::string& file);

/// Text from a file (a key, a name) fit for a message: control characters escaped, cut after `limit` bytes.
std::string printable(std::string_view text, std::size_t limit = 200);

}  // namespace tenon
