#include "rules/resolve.h"

#include "rules/language/expression.h"
#include "rules/operations/layout_operation.h"

namespace tenon {
namespace {

// The text of the operations with each expression's value in its place, for manifests.
void fill_in(nlohmann::ordered_json& written, const nlohmann::ordered_json& config) {
  if (written.is_structured()) {
    for (auto& element : written) fill_in(element, config);
  } else if (written.is_string() && is_expression(written.get_ref<const std::string&>())) {
    try {
      written = evaluate_integer(written.get<std::string>(), config, {});
    } catch (const UserError&) {  // it has been reported where it stands
    }
  }
}

}  // namespace

void resolve(Transform& transform, const nlohmann::ordered_json& config, Diagnostics& diagnostics) {
  const NumberResolver resolver{config, diagnostics};
  for (auto& operation : transform.operations) {
    const std::shared_ptr<LayoutOperation> resolved = operation->clone();
    for (const OperationParameter& parameter : resolved->row().parameters)
      parameter.resolve(*resolved, resolver);
    resolved->resolve(operation.place, resolver);
    operation.does = resolved;
  }
  fill_in(transform.written_operations, config);
}

}  // namespace tenon
