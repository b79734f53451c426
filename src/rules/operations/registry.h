// All layout operations that there are.
#pragma once

#include <string_view>
#include <vector>

#include "rules/operations/layout_operation.h"

namespace tenon {

/// One row for each operation, in the order of the documentation.
const std::vector<const OperationRow*>& operation_rows();

/// Null where there is none of that name.
const OperationRow* find_layout_operation(std::string_view name);

}  // namespace tenon
