// The table of errors for its readers: one row, all in a line each, and docs/errors.md.
#pragma once

#include <string>

#include "base/error_ids.h"

namespace tenon {

/// What `tenon explain-error ID` prints.
std::string error_text(const ErrorEntry& entry);

/// Every id with its one line, by area.
std::string error_list();

/// docs/errors.md as a whole.
std::string errors_page();

}  // namespace tenon
