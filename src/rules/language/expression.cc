#include "rules/language/expression.h"

#include <fmt/format.h>

#include "rules/language/evaluator.h"

namespace tenon {
namespace {

using namespace expression;

std::string_view inside(std::string_view text) {
  return text.substr(2, text.size() - 3);
}

}  // namespace

bool is_expression(std::string_view text) {
  return text.starts_with("${") && text.ends_with('}') && text.size() > 3;
}

std::optional<std::string> expression_error(std::string_view text) {
  if (!is_expression(text)) return "an expression is written ${...}";
  if (text.size() > kMaxLength) return fmt::format("it is longer than {} characters", kMaxLength);
  try {
    Evaluator(inside(text), nullptr).run();
    return std::nullopt;
  } catch (const SyntaxError& e) {
    return e.message;
  }
}

Json evaluate(std::string_view text, const Json& config, const Place& place) {
  return evaluate(text, config, {}, place);
}

Json evaluate(std::string_view text, const Json& config, const ModuleNames& names, const Place& place) {
  if (const auto error = expression_error(text))
    throw UserError("expression-malformed"_id, place, fmt::format("'{}': {}", text.substr(0, 80), *error));
  try {
    return Evaluator(inside(text), &config, &names).run();
  } catch (const Absent& e) {
    throw UserError("config-value-missing"_id, place, fmt::format("{}: {} (config.json)", text, e.message),
                    "Add the value to config.json, or name in the rule where this model keeps it ('config.a "
                    "or config.b').");
  } catch (const WrongType& e) {
    throw UserError("config-value-type"_id, place, fmt::format("{}: {}", text, e.message));
  }
}

std::int64_t evaluate_integer(std::string_view text, const Json& config, const Place& place) {
  const Json value = evaluate(text, config, place);
  if (!value.is_number_integer()) {
    throw UserError(
        "config-value-type"_id, place,
        fmt::format("{}: an integer is wanted here, config.json gives {}", text, value.dump().substr(0, 60)));
  }
  return value.get<std::int64_t>();
}

}  // namespace tenon
