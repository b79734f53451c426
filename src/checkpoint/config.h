// config.json of a checkpoint.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace tenon {

inline constexpr std::uint64_t kMaxConfigBytes = 16'000'000;

/// Throws UserError where the text is not strict JSON (checkpoint/json_text.h) or no object.
nlohmann::ordered_json parse_config(std::string_view text, const std::string& file);

/// The first of `architectures`, the model's class; empty where there is none.
std::string architecture_of(const nlohmann::ordered_json& config);

}  // namespace tenon
