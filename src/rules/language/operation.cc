#include "rules/language/operation.h"

namespace tenon {

std::optional<std::size_t> dimension_index(int dim, std::size_t rank) {
  const int r = static_cast<int>(rank);
  if (dim < -r || dim >= r) return std::nullopt;
  return static_cast<std::size_t>(dim < 0 ? dim + r : dim);
}

}  // namespace tenon
