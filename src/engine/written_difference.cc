#include "engine/written_difference.h"

#include <fmt/format.h>

namespace tenon {

std::string to_string(const WrittenDifference& difference) {
  if (!difference.problem.empty()) return fmt::format("{}: {}", difference.shard, difference.problem);
  return fmt::format("{}: element {} of '{}' is {}; the source has {} (element {} of '{}')", difference.shard,
                     difference.output_element, difference.output_key, difference.written,
                     difference.expected, difference.source_element, difference.source_key);
}

}  // namespace tenon
