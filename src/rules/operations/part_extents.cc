#include "rules/operations/part_extents.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/checked.h"
#include "rules/operations/bundles.h"
#include "tensor/split_piece.h"

namespace tenon {
namespace {

// Nothing where it does not fit.
std::optional<std::int64_t> sum(const std::vector<std::int64_t>& v) {
  return std::accumulate(
      v.begin(), v.end(), std::optional<std::int64_t>(0),
      [](auto total, std::int64_t extent) { return total ? checked_add(*total, extent) : std::nullopt; });
}

std::vector<std::int64_t> fitting(std::vector<std::int64_t> extents, std::int64_t extent,
                                  std::string_view source) {
  const auto total = sum(extents);
  if (total != extent) {
    throw OperationError{
        "rule-op-parts"_id,
        fmt::format("the parts' extents {} add up to {}, the tensor has {} ({})", to_string(extents),
                    total ? std::to_string(*total) : "more than fits", extent, source),
        ""};
  }
  return extents;
}

}  // namespace

std::vector<std::int64_t> part_extents(const PartSizes& sizes, std::optional<std::int64_t> shard_count,
                                       std::int64_t extent, const OperationContext& context) {
  const auto recorded = context.known.part_sizes.find(context.key);
  if (!context.to_fused && recorded != context.known.part_sizes.end())
    return fitting(recorded->second, extent, "recorded");
  if (sizes.kind == PartSizes::Kind::kListed)
    return fitting(values_of(sizes.listed), extent, "listed in the rule");
  const std::int64_t parts =
      shard_count.value_or(static_cast<std::int64_t>(context.transform.target_patterns.size()));
  if (extent % parts != 0) {
    throw OperationError{
        "rule-op-uneven"_id,
        fmt::format("an extent of {} does not divide into {} equal parts", extent, parts),
        "Say how large the parts are: `sizes: [...]` on the operation, with numbers or ${config...}."};
  }
  const bool undeclared = sizes.kind == PartSizes::Kind::kUndeclared && !shard_count;
  if (undeclared && context.transform.inverted) {
    if (!context.transform.from_registry) {
      throw OperationError{"parts-unknown"_id, "nothing says how large the joined parts were",
                           "Convert from a folder with its tenon-manifest.json, or put `sizes: equal` or "
                           "`sizes: [...]` on the rule's operation that joins them."};
    }
    context.notes.push_back(fmt::format("{}: assumed {} equal parts", context.transform.id(), parts));
  }
  if (parts > static_cast<std::int64_t>(kMaxPieces))
    throw OperationError{"plan-immense"_id,
                         fmt::format("{} parts of one tensor; more than {} are refused", parts, kMaxPieces),
                         ""};
  return std::vector<std::int64_t>(static_cast<std::size_t>(parts), extent / parts);
}

void check_declared(const PartSizes& sizes, const std::vector<std::int64_t>& extents,
                    const OperationContext& context) {
  const bool equal =
      std::all_of(extents.begin(), extents.end(), [&](auto e) { return e == extents.front(); });
  if (sizes.kind == PartSizes::Kind::kEqual && !equal) {
    throw OperationError{
        "rule-op-parts"_id,
        fmt::format("the rule says `sizes: equal`, the parts have extents {}", to_string(extents)), ""};
  }
  const std::vector<std::int64_t> listed = values_of(sizes.listed);
  if (sizes.kind != PartSizes::Kind::kListed || listed == extents) return;
  if (sum(listed) != sum(extents)) {
    throw OperationError{
        "rule-op-parts"_id,
        fmt::format("the rule lists parts of {}, they have {}", to_string(listed), to_string(extents)), ""};
  }
  // Cut at other places, as some writers do that round: joined it is the same tensor, and the manifest keeps
  // where it was cut.
  context.notes.push_back(fmt::format("{}: parts of {} where the rule lists {}", context.transform.id(),
                                      to_string(extents), to_string(listed)));
}

}  // namespace tenon
