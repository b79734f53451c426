// The names that an expression may use in a module program.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>

namespace tenon {

/// What module programs know beside config.json; nullptr and nothing where it is unknown.
struct ModuleNames {
  const nlohmann::ordered_json* own = nullptr;
  const nlohmann::ordered_json* rope = nullptr;
  /// The program's own settings.
  const nlohmann::ordered_json* set = nullptr;
  std::optional<std::int64_t> layer;
};

}  // namespace tenon
