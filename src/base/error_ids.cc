#include "base/error_ids.h"

#include <cstdio>
#include <cstdlib>

namespace tenon {

const ErrorEntry* find_error(std::string_view id) {
  for (const auto& entry : error_table()) {
    if (entry.id == id) return &entry;
  }
  return nullptr;
}

ErrorId require_error(std::string_view id) {
  const ErrorEntry* const entry = find_error(id);
  if (entry == nullptr) {
    std::fprintf(stderr, "tenon: the table of errors (base/error_table.cc) has no id '%.*s'\n",
                 static_cast<int>(id.size()), id.data());
    std::abort();
  }
  return ErrorId(*entry);
}

}  // namespace tenon
