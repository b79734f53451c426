// The value operations by name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "values/operations/value_operation.h"

namespace tenon {

/// Throws ValueError.
ValueOutputs apply_value_operation(std::string_view name, const ValueParameters& parameters,
                                   const ValueTensors& inputs);

/// The names, in alphabetical order.
std::vector<std::string> value_operation_names();

}  // namespace tenon
