// Permute puts the dimensions into another order.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "rules/operations/bundles.h"
#include "rules/operations/registry.h"
#include "tensor/view_operations.h"

namespace tenon {
namespace {

class Permute final : public OperationOf<Permute> {
 public:
  static OperationRow describe() {
    return {"Permute",
            "Puts the dimensions into another order.",
            "dimension i of the result is dimension `dims[i]` of the tensor; each is there once",
            "`Permute` with the inverse order",
            {},
            {parameter<Permute>("dims", &Permute::dims_,
                                "For each dimension of the result, which one of the tensor it is.", true)},
            &make};
  }

  std::string text() const override { return fmt::format("dims=[{}]", fmt::join(dims_.listed, ", ")); }

  std::shared_ptr<const LayoutOperation> inverse() const override {
    auto out = std::make_shared<Permute>(*this);
    for (std::size_t i = 0; i < dims_.listed.size(); ++i)
      out->dims_.listed[static_cast<std::size_t>(dims_.listed[i])] = static_cast<int>(i);
    return out;
  }

  void apply(const OperationContext& context, std::vector<Entry>& entries) const override {
    const std::vector<std::size_t> order(dims_.listed.begin(), dims_.listed.end());
    each_view(context, entries, [&](const View& view) {
      if (view.shape.size() != order.size()) {
        throw OperationError{"rule-op-shape"_id,
                             fmt::format("`dims` has {} dimensions, {} has {}", order.size(),
                                         to_string(view.shape), view.shape.size()),
                             ""};
      }
      return permute(view, order);
    });
  }

 private:
  Axes dims_;
};

}  // namespace

const OperationRow& permute_row() {
  return Permute::the_row();
}

}  // namespace tenon
