#include "rules/operations/layout_operation.h"

#include <fmt/format.h>

#include <algorithm>

namespace tenon {

bool OperationContext::is_joined_later() const {
  const auto& all = transform.operations;
  const std::size_t here = transform.inverted ? all.size() - 1 - position : position;
  if (here + 1 >= all.size()) return false;
  return std::any_of(all.begin() + static_cast<std::ptrdiff_t>(here) + 1, all.end(),
                     [](const Operation& o) { return o->row().arity.takes == TensorArity::Takes::kAll; });
}

std::string_view name_of(const Operation& operation) {
  return operation->row().name;
}

std::string to_string(const Operation& operation) {
  const std::string parameters = operation->text();
  return parameters.empty() ? std::string(name_of(operation))
                            : fmt::format("{}({})", name_of(operation), parameters);
}

nlohmann::ordered_json to_json(const Operation& operation) {
  nlohmann::ordered_json parameters = nlohmann::ordered_json::object();
  for (const OperationParameter& parameter : operation->row().parameters) {
    auto value = parameter.value(*operation.does);
    if (!value.is_null()) parameters[parameter.name] = std::move(value);
  }
  return {{std::string(name_of(operation)), std::move(parameters)}};
}

}  // namespace tenon
