// Transpose swaps two dimensions; with check_dims only where the tensor is in the other orientation than the
// fused layout wants.
#include <fmt/format.h>

#include <numeric>
#include <utility>

#include "base/text.h"
#include "rules/operations/bundles.h"
#include "rules/operations/registry.h"
#include "tensor/view_operations.h"

namespace tenon {
namespace {

bool has_shape(const ShapePattern& wanted, const Shape& shape) {
  if (wanted.size() != shape.size()) return false;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (wanted[i] && wanted[i]->value != shape[i]) return false;
  }
  return true;
}

OperationError undecided(const ShapePattern& wanted, const Shape& shape, bool both) {
  const std::string hint =
      "ay which layout the checkpoint has: --assume-layout 'GLOB=original' (to be transposed) or "
      "'GLOB=fused' (as it is).";
  if (wanted.empty()) {
    return {"square-transpose"_id,
            fmt::format("Transpose(check_dims) does not know the fused layout's shape, so it cannot tell "
                        "whether {} is transposed",
                        to_string(shape)),
            "Add `target_shape` to the operation, or s" + hint};
  }
  if (both)
    return {"square-transpose"_id,
            fmt::format("{} fits the fused layout both as it is and transposed", to_string(shape)),
            "S" + hint};
  return {"rule-op-shape"_id,
          fmt::format("{} fits the fused layout neither as it is nor transposed", to_string(shape)),
          "The rule's `target_shape` and config.json do not describe this checkpoint."};
}

class Transpose final : public OperationOf<Transpose> {
 public:
  static OperationRow describe() {
    return {
        "Transpose",
        "Swaps two dimensions.",
        "swaps two dimensions; with `check_dims` only if the tensor does not have the fused layout's shape "
        "already, which `target_shape` gives (`null`: any extent)",
        "itself",
        {},
        {parameter<Transpose>("dim0", &Transpose::dim0_, "Counts from 0; negative from the end."),
         parameter<Transpose>("dim1", &Transpose::dim1_, "Counts from 0; negative from the end."),
         parameter<Transpose>("check_dims", &Transpose::check_dims_,
                              "Only where the tensor does not have the fused layout's shape already."),
         parameter<Transpose>("target_shape", &Transpose::target_shape_,
                              "The fused layout's shape; null: any extent.")},
        &make};
  }

  std::string text() const override {
    return fmt::format("dim0={}, dim1={}{}", dim0_, dim1_, check_dims_ ? ", check_dims" : "");
  }

  std::shared_ptr<const LayoutOperation> inverse() const override {
    auto out = std::make_shared<Transpose>(*this);
    std::swap(out->dim0_, out->dim1_);
    out->inverted_ = !inverted_;
    return out;
  }

  std::optional<std::pair<int, int>> swaps_by_shape() const override {
    return check_dims_ ? std::optional(std::pair(dim0_, dim1_)) : std::nullopt;
  }

  void apply(const OperationContext& context, std::vector<Entry>& entries) const override {
    each_view(context, entries, [&](const View& view) {
      const std::size_t a = dimension(dim0_, view.shape.size(), "dim0");
      const std::size_t b = dimension(dim1_, view.shape.size(), "dim1");
      if (check_dims_ && !swaps(view.shape, a, b, context)) return view;
      std::vector<std::size_t> order(view.shape.size());
      std::iota(order.begin(), order.end(), std::size_t{0});
      std::swap(order[a], order[b]);
      return permute(view, order);
    });
  }

 private:
  // What the user declares, else what the way there recorded, else the rule's `target_shape` decides; the
  // decision is recorded.
  bool swaps(const Shape& shape, std::size_t a, std::size_t b, const OperationContext& context) const {
    return context.found.transposed[context.key] = decide(shape, a, b, context);
  }

  bool decide(const Shape& shape, std::size_t a, std::size_t b, const OperationContext& context) const {
    for (const auto& assumption : context.assumptions) {
      if (glob_matches(assumption.glob, context.key) || glob_matches(assumption.glob, context.source))
        return !assumption.is_fused;
    }
    const auto recorded = context.known.transposed.find(context.key);
    if (recorded != context.known.transposed.end()) return recorded->second;
    if (!context.to_fused && inverted_) {
      context.notes.push_back(fmt::format("{}: assumed that the publisher ships {} as it is here",
                                          context.transform.id(), context.key));
      return false;
    }
    Shape turned = shape;
    std::swap(turned[a], turned[b]);
    const bool as_is = has_shape(target_shape_, shape);
    const bool after = has_shape(target_shape_, turned);
    if (as_is == after) throw undecided(target_shape_, shape, as_is);
    return after;
  }

  int dim0_ = 0;
  int dim1_ = 1;
  bool check_dims_ = false;
  ShapePattern target_shape_;
  // made by inverse(): its *input* has the declared shape
  bool inverted_ = false;
};

}  // namespace

const OperationRow& transpose_row() {
  return Transpose::the_row();
}

}  // namespace tenon
