// Interleave: pairs side by side become two halves, or the other way round.
#include <fmt/format.h>

#include "rules/operations/bundles.h"
#include "rules/operations/registry.h"
#include "tensor/view_operations.h"

namespace tenon {
namespace {

class Interleave final : public OperationOf<Interleave> {
 public:
  static OperationRow describe() {
    return {"Interleave",
            "Views `dim` as (n/2, 2), swaps, flattens.",
            "views `dim` as (n/2, 2), swaps, flattens; `inverse` views it as (2, n/2)",
            "the other one",
            {},
            {parameter<Interleave>("dim", &Interleave::dim_, "Counts from 0; negative from the end."),
             parameter<Interleave>("inverse", &Interleave::inverse_, "Views `dim` as (2, n/2) instead.")},
            &make};
  }

  std::string text() const override { return fmt::format("dim={}{}", dim_, inverse_ ? ", inverse" : ""); }

  std::shared_ptr<const LayoutOperation> inverse() const override {
    auto out = std::make_shared<Interleave>(*this);
    out->inverse_ = !inverse_;
    return out;
  }

  void apply(const OperationContext& context, std::vector<Entry>& entries) const override {
    each_view(context, entries, [&](const View& view) {
      const std::size_t dim = dimension(dim_, view.shape.size());
      const std::int64_t n = view.shape[dim];
      if (n % 2 != 0) {
        throw OperationError{"rule-op-uneven"_id,
                             fmt::format("Interleave needs an even extent, dimension {} of {} is odd", dim,
                                         to_string(view.shape)),
                             ""};
      }
      return inverse_ ? regroup(view, dim, 2, n / 2) : regroup(view, dim, n / 2, 2);
    });
  }

 private:
  int dim_ = 0;
  bool inverse_ = false;
};

}  // namespace

const OperationRow& interleave_row() {
  return Interleave::the_row();
}

}  // namespace tenon
