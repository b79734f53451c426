#include "values/nest.h"

namespace tenon {

std::uint64_t element_count(const Nest& nest) {
  std::uint64_t count = 1;
  for (const std::int64_t extent : nest.extents) count *= static_cast<std::uint64_t>(extent);
  return count;
}

void join_loops(const Nest& nest, std::size_t first, std::size_t last, Nest& out) {
  out.operands.assign(nest.operands.begin() + static_cast<std::ptrdiff_t>(first),
                      nest.operands.begin() + static_cast<std::ptrdiff_t>(last));
  out.extents.clear();
  for (NestOperand& operand : out.operands) operand.strides.clear();
  for (std::size_t i = 0; i < nest.extents.size(); ++i) {
    const std::int64_t extent = nest.extents[i];
    if (extent == 1) continue;
    bool joins = !out.extents.empty();
    for (std::size_t k = first; k < last && joins; ++k)
      joins = out.operands[k - first].strides.back() == nest.operands[k].strides[i] * extent;
    if (!joins) out.extents.push_back(extent);
    if (joins) out.extents.back() *= extent;
    for (std::size_t k = first; k < last; ++k) {
      std::vector<std::int64_t>& strides = out.operands[k - first].strides;
      if (joins) strides.pop_back();
      strides.push_back(nest.operands[k].strides[i]);
    }
  }
}

}  // namespace tenon
