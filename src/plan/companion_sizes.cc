#include "plan/companion_sizes.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "rules/operations/bundles.h"

namespace tenon {
namespace {

PartExtents extents_along(int dim, const std::vector<Entry>& entries) {
  PartExtents out;
  for (const auto& entry : entries) {
    for (const auto& view : entry.views) {
      const auto at = dimension_index(dim, view.shape.size());
      if (!at) return {};
      out.push_back(view.shape[*at]);
    }
  }
  return out;
}

std::int64_t total_of(const PartExtents& extents) {
  return std::accumulate(extents.begin(), extents.end(), std::int64_t{0});
}

bool joins(const Operation& operation) {
  return operation->row().arity.joins();
}

// Rows or columns of a block along a dimension: config.json's, else what the extents say.
std::int64_t block_along(std::size_t dim, std::size_t rank, const PartExtents& block, std::int64_t weight,
                         std::int64_t scale) {
  if (block.size() == 2 && rank >= 2) return dim + 1 == rank ? block[1] : block[0];
  return scale > 0 && weight % scale == 0 ? weight / scale : 0;
}

[[noreturn]] void refuse(const PartExtents& weight, std::int64_t block, std::string_view what) {
  throw OperationError{
      "companion-block"_id,
      fmt::format("a block of this scale has {} rows of the weight, and the weight's parts have {}: {} would "
                  "begin within a block",
                  block, to_string(weight), what),
      "No scale can be right for both sides of a block that is divided. Quantise with a block that divides "
      "the "
      "parts, or keep this checkpoint as it is."};
}

// The blocks of each part, the last of which may end within one.
PartExtents blocks_of(const PartExtents& weight, std::int64_t block, std::string_view what) {
  PartExtents out;
  for (std::size_t i = 0; i < weight.size(); ++i) {
    if (i + 1 < weight.size() && weight[i] % block != 0) refuse(weight, block, what);
    out.push_back((weight[i] + block - 1) / block);
  }
  return out;
}

Operation sized_concatenate(const Operation& operation, int along, const std::vector<Entry>& entries,
                            const PartExtents& weight, const PartExtents& block) {
  const PartExtents parts = extents_along(along, entries);
  if (parts.size() != weight.size() || parts == weight) return operation;
  const Shape& shape = entries.front().views.front().shape;
  const bool one_each = std::all_of(parts.begin(), parts.end(), [](auto e) { return e == 1; }) &&
                        std::all_of(shape.begin() + 1, shape.end(), [](auto e) { return e == 1; });
  Operation out = operation;
  if (operation->listed_parts()) out.does = operation->with_parts(parts);
  const auto dim = dimension_index(along, shape.size()).value_or(0);
  const std::int64_t rows = block_along(dim, shape.size(), block, weight.front(), parts.front());
  if (rows <= 1 || (one_each && block.empty())) return out;
  if (blocks_of(weight, rows, "the next part") != parts && block.size() == 2 && !one_each) {
    throw OperationError{"companion-block"_id,
                         fmt::format("the parts of this scale have {} blocks, but {} rows of the weight in "
                                     "blocks of {} make others",
                                     to_string(parts), to_string(weight), rows),
                         "weight_block_size in config.json is not that of this checkpoint."};
  }
  return out;
}

Operation sized_chunk(const Operation& operation, int along, const std::vector<Entry>& entries,
                      const PartExtents& weight, const PartExtents& block) {
  const PartExtents whole = extents_along(along, entries);
  const Shape& shape = entries.front().views.front().shape;
  if (whole.size() != 1 || whole.front() == total_of(weight)) return operation;
  const auto dim = dimension_index(along, shape.size()).value_or(0);
  Operation out = operation;
  const std::int64_t rows = block_along(dim, shape.size(), block, total_of(weight), whole.front());
  const auto count = static_cast<std::int64_t>(weight.size());
  // One element for each part: scales of whole tensors that were joined.
  const bool one_each = whole.front() == count && (block.empty() || shape.size() < 2 || rows <= 1 ||
                                                   (total_of(weight) + rows - 1) / rows != count);
  if (one_each) {
    out.does = operation->with_parts(PartExtents(weight.size(), 1));
  } else if (rows > 1) {
    const PartExtents parts = blocks_of(weight, rows, "the next part");
    if (total_of(parts) == whole.front()) out.does = operation->with_parts(parts);
  }
  return out;
}

}  // namespace

std::vector<PartExtents> parts_of_weight(OperationContext context, std::vector<Entry> entries) {
  std::vector<PartExtents> out;
  const auto& operations = context.transform.operations;
  try {
    for (std::size_t i = 0; i < operations.size(); ++i) {
      const auto along = operations[i]->parts_dim();
      if (along && joins(operations[i])) out.push_back(extents_along(*along, entries));
      context.position = context.transform.inverted ? operations.size() - 1 - i : i;
      apply_operation(operations[i], context, entries);
      if (along && !joins(operations[i])) out.push_back(extents_along(*along, entries));
    }
  } catch (const OperationError&) {
    return out;
  }
  return out;
}

Operation sized_for_scale(const Operation& operation, const std::vector<Entry>& entries,
                          const PartExtents& weight, const PartExtents& block) {
  const auto along = operation->parts_dim();
  if (!along || entries.empty() || entries.front().views.empty()) return operation;
  return joins(operation) ? sized_concatenate(operation, *along, entries, weight, block)
                          : sized_chunk(operation, *along, entries, weight, block);
}

}  // namespace tenon
