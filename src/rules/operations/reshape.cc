// Reshape gives a tensor another shape; its elements stay in their row-major order.
#include <fmt/format.h>

#include "base/checked.h"
#include "rules/operations/bundles.h"
#include "rules/operations/registry.h"
#include "tensor/view_operations.h"

namespace tenon {
namespace {

std::string shown_extents(const Extents& extents) {
  return to_string(values_of(extents.listed));
}

// The extents with what is left in place of -1; nothing where the shape has not as many elements.
std::optional<Shape> fitted(const Extents& extents, const Shape& shape) {
  Shape out = values_of(extents.listed);
  std::optional<std::size_t> open;
  std::optional<std::int64_t> known = 1;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (out[i] == -1) {
      open = i;
    } else {
      known = checked_mul(*known, out[i]);
      if (!known) return std::nullopt;
    }
  }
  const auto count = static_cast<std::int64_t>(element_count(shape).value_or(0));
  if (!open) return *known == count ? std::optional(out) : std::nullopt;
  if (*known == 0 || count % *known != 0) return std::nullopt;
  out[*open] = count / *known;
  return out;
}

class Reshape final : public OperationOf<Reshape> {
 public:
  static OperationRow describe() {
    return {
        "Reshape",
        "Another shape for the same elements in the same row-major order.",
        "another shape for the same elements in the same row-major order; one extent may be -1. `from` is "
        "the "
        "shape before, which the way back needs where no manifest says it",
        "`Reshape` to `from`",
        {},
        {parameter<Reshape>("shape", &Reshape::shape_, "The new shape; one extent may be -1, what is left.",
                            true),
         parameter<Reshape>("from", &Reshape::from_,
                            "The shape before, to which the inverse goes; one may be -1.")},
        &make};
  }

  std::string text() const override {
    return shape_.listed.empty() ? "to the shape before" : "shape=" + shown_extents(shape_);
  }

  std::shared_ptr<const LayoutOperation> inverse() const override {
    auto out = std::make_shared<Reshape>(*this);
    std::swap(out->shape_, out->from_);
    return out;
  }

  void apply(const OperationContext& context, std::vector<Entry>& entries) const override {
    remember_shapes(context, entries);
    std::size_t i = 0;
    each_view(context, entries, [&](const View& view) { return reshape(view, wanted(view, i++, context)); });
  }

 private:
  Shape wanted(const View& view, std::size_t i, const OperationContext& context) const {
    if (!from_.listed.empty() && fitted(from_, view.shape) != view.shape) {
      throw OperationError{"rule-op-shape"_id,
                           fmt::format("{} is not the shape that it has before: {}", to_string(view.shape),
                                       shown_extents(from_)),
                           "`from` on the rule's operation and config.json do not describe this checkpoint."};
    }
    if (const Shape* const remembered = remembered_shape(context, i)) {
      if (element_count(*remembered) != element_count(view.shape))
        throw OperationError{
            "rule-op-shape"_id,
            fmt::format("{} cannot be seen as {} (recorded)", to_string(view.shape), to_string(*remembered)),
            ""};
      return *remembered;
    }
    if (shape_.listed.empty()) {
      throw OperationError{
          "rule-op-before"_id,
          fmt::format("nothing says which shape {} had before the Reshape", to_string(view.shape)),
          "Convert from a folder with its tenon-manifest.json, or put `from: [...]` on the rule's "
          "Reshape."};
    }
    const auto shape = fitted(shape_, view.shape);
    if (!shape)
      throw OperationError{"rule-op-shape"_id,
                           fmt::format("{} cannot be seen as {}: the number of elements differs",
                                       to_string(view.shape), shown_extents(shape_)),
                           ""};
    check_room(*shape);
    return *shape;
  }

  Extents shape_;
  Extents from_;
};

}  // namespace

const OperationRow& reshape_row() {
  return Reshape::the_row();
}

}  // namespace tenon
