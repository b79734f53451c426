#include "plan/decide_transpose.h"

#include <fmt/format.h>

#include <utility>

#include "base/text.h"

namespace tenon {
namespace {

bool has_shape(const std::vector<std::optional<Number>>& wanted, const Shape& shape) {
  if (wanted.size() != shape.size()) return false;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (wanted[i] && wanted[i]->value != shape[i]) return false;
  }
  return true;
}

Shape swapped(Shape shape, const Transpose& transpose) {
  const auto at = [&](int dim) -> std::int64_t& {
    return shape[static_cast<std::size_t>(dim < 0 ? dim + static_cast<int>(shape.size()) : dim)];
  };
  std::swap(at(transpose.dim0), at(transpose.dim1));
  return shape;
}

OperationError undecided(const Transpose& transpose, const Shape& shape, bool both) {
  const std::string hint =
      "ay which layout the checkpoint has: --assume-layout 'GLOB=original' (to be transposed) or "
      "'GLOB=fused' (as it is).";
  if (transpose.target_shape.empty()) {
    return {fmt::format("Transpose(check_dims) does not know the fused layout's shape, so it cannot tell "
                        "whether {} is transposed",
                        to_string(shape)),
            "Add `target_shape` to the operation, or s" + hint};
  }
  if (both)
    return {fmt::format("{} fits the fused layout both as it is and transposed", to_string(shape)),
            "S" + hint};
  return {fmt::format("{} fits the fused layout neither as it is nor transposed", to_string(shape)),
          "The rule's `target_shape` and config.json do not describe this checkpoint."};
}

bool decide(const Transpose& transpose, const Shape& shape, const OperationContext& context) {
  for (const auto& assumption : context.assumptions) {
    if (glob_matches(assumption.glob, context.key)) return !assumption.is_fused;
  }
  const auto recorded = context.known.transposed.find(context.key);
  if (recorded != context.known.transposed.end()) return recorded->second;
  if (!context.to_fused && transpose.inverted) {
    context.notes.push_back(fmt::format("{}: assumed that the publisher ships {} as it is here",
                                        context.transform.id(), context.key));
    return false;
  }
  const bool as_is = has_shape(transpose.target_shape, shape);
  const bool after = has_shape(transpose.target_shape, swapped(shape, transpose));
  if (as_is == after) throw undecided(transpose, shape, as_is);
  return after;
}

}  // namespace

bool decide_transpose(const Transpose& transpose, const Shape& shape, const OperationContext& context) {
  const bool swap = decide(transpose, shape, context);
  context.found.transposed[context.key] = swap;
  return swap;
}

}  // namespace tenon
