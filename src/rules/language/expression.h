// `${...}`: numbers and truth values read from the checkpoint's config, with arithmetic.
//
//   ${config.vision_config.patch_size}              a value of config.json
//   ${config.head_dim or config.hidden_size / 8}    the first that is present
//   ${2 * config.sizes[0] + len(config.blocks)}     + - * / // % and parentheses; a division must come out
//   even, unless a number is real
//   ${1 / sqrt(own.query_pre_attn_scalar)}          in module programs: the config of the module's own tower,
//   `layer`
//                                                   (the module's), `rope` (its rotary parameters)
//   ${config.tie == true and config.n > 4}          comparisons, not / and / or, for conditions
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/diagnostics.h"
#include "rules/language/module_names.h"

namespace tenon {

/// Is the text written as `${...}`?
bool is_expression(std::string_view text);

/// Checks the syntax without a config. Returns what is wrong, or nothing.
std::optional<std::string> expression_error(std::string_view text);

/// Evaluates to JSON (number, string, boolean, list). Throws UserError at `place`: absent value (naming it
/// and the keys beside it), a division with a remainder, overflow, a type that does not fit.
nlohmann::ordered_json evaluate(std::string_view text, const nlohmann::ordered_json& config,
                                const Place& place);

nlohmann::ordered_json evaluate(std::string_view text, const nlohmann::ordered_json& config,
                                const ModuleNames& names, const Place& place);

/// The same, for an integer.
std::int64_t evaluate_integer(std::string_view text, const nlohmann::ordered_json& config,
                              const Place& place);

}  // namespace tenon
