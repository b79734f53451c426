// Pad adds zeros behind a dimension, Slice keeps its first elements. What Slice cuts off has to be zero, so
// that Pad gives it back; the bytes are looked at before a conversion begins to write.
#include <fmt/format.h>

#include "rules/operations/bundles.h"
#include "rules/operations/registry.h"
#include "tensor/view_operations.h"

namespace tenon {
namespace {

// What the two have in common.
struct Border {
  int dim = 0;
  OptionalNumber to;
  OptionalNumber from;
  // what is cut off may be anything
  bool any = false;

  std::string text() const {
    const bool known = to && to->value;
    return fmt::format("dim={}, {}{}", dim, known ? fmt::format("to={}", *to->value) : "to the extent before",
                       any ? ", any" : "");
  }

  // The inverse's extents.
  Border turned() const { return {dim, from, to, any}; }

  // The extent to which view `i` is brought: the one that the way there remembered, else the rule's.
  std::int64_t wanted(const View& view, std::size_t at, std::size_t i, const char* name,
                      const OperationContext& context) const {
    if (from && from->value && *from->value != view.shape[at]) {
      throw OperationError{
          "rule-op-shape"_id,
          fmt::format("dimension {} of {} is {}, and `{}: {}` says that it is {}", dim, to_string(view.shape),
                      view.shape[at], context.transform.inverted ? "to" : "from", from->text, *from->value),
          "The rule and config.json do not describe this checkpoint."};
    }
    const Shape* const remembered = remembered_shape(context, i);
    if (remembered != nullptr && at < remembered->size()) return (*remembered)[at];
    if (to && to->value) return *to->value;
    throw OperationError{
        "rule-op-before"_id,
        fmt::format("nothing says which extent dimension {} of {} had before", dim, to_string(view.shape)),
        fmt::format("Convert from a folder with its tenon-manifest.json, or put `from: N` on the rule's {}.",
                    name)};
  }

  template <class O>
  static std::vector<OperationParameter> parameters(const char* to_about, const char* from_about) {
    return {parameter<O>("dim", &O::dim, "Counts from 0; negative from the end."),
            parameter<O>("to", &O::to, to_about, true), parameter<O>("from", &O::from, from_about),
            parameter<O>("any", &O::any,
                         "What is cut off, here or on the way back, need not be zero: it is lost.")};
  }
};

class Pad final : public Border, public OperationOf<Pad> {
 public:
  static OperationRow describe();
  std::string text() const override { return Border::text(); }
  std::shared_ptr<const LayoutOperation> inverse() const override;

  void apply(const OperationContext& context, std::vector<Entry>& entries) const override {
    remember_shapes(context, entries);
    std::size_t i = 0;
    each_view(context, entries, [&](const View& view) {
      const std::size_t at = dimension(dim, view.shape.size());
      const std::int64_t extent =
          wanted(view, at, i++, context.transform.inverted ? "Slice" : "Pad", context);
      if (extent < view.shape[at]) {
        throw OperationError{
            "rule-op-shape"_id,
            fmt::format("dimension {} of {} is more than {} already: there is nothing to pad", dim,
                        to_string(view.shape), extent),
            ""};
      }
      if (extent == view.shape[at]) return view;
      View zeros{view.dtype, view.shape, {}};
      zeros.shape[at] = extent - view.shape[at];
      check_room(zeros.shape);
      const std::vector<View> parts = {view, zero_view(view.dtype, zeros.shape)};
      check_joinable(parts, at);
      return concatenate(parts, at);
    });
  }
};

class Slice final : public Border, public OperationOf<Slice> {
 public:
  static OperationRow describe();
  std::string text() const override { return Border::text(); }
  std::shared_ptr<const LayoutOperation> inverse() const override;

  void apply(const OperationContext& context, std::vector<Entry>& entries) const override {
    remember_shapes(context, entries);
    std::size_t i = 0;
    each_view(context, entries, [&](const View& view) {
      const std::size_t at = dimension(dim, view.shape.size());
      const std::int64_t extent =
          wanted(view, at, i++, context.transform.inverted ? "Pad" : "Slice", context);
      if (extent > view.shape[at]) {
        throw OperationError{"rule-op-shape"_id,
                             fmt::format("dimension {} of {} is less than {}: there is nothing to cut off",
                                         dim, to_string(view.shape), extent),
                             ""};
      }
      if (extent == view.shape[at]) return view;
      std::vector<View> parts = cut(view, at, {extent, view.shape[at] - extent});
      context.cuts.push_back({std::move(parts[1]), any});
      return std::move(parts[0]);
    });
  }
};

std::shared_ptr<const LayoutOperation> Pad::inverse() const {
  auto out = std::make_shared<Slice>();
  static_cast<Border&>(*out) = turned();
  return out;
}

std::shared_ptr<const LayoutOperation> Slice::inverse() const {
  auto out = std::make_shared<Pad>();
  static_cast<Border&>(*out) = turned();
  return out;
}

OperationRow Pad::describe() {
  return {"Pad",
          "Adds zeros behind `dim`.",
          "adds zeros behind `dim` up to the extent `to`; `from` is the extent before, which the way back "
          "needs where "
          "no manifest says it",
          "`Slice`",
          {},
          parameters<Pad>("The extent with the zeros.", "The extent before, to which the inverse cuts."),
          &make};
}

OperationRow Slice::describe() {
  return {"Slice",
          "Keeps the first of `dim`; what is cut off is zero.",
          "keeps the first `to` of `dim`. What is cut off must be all zero, which is looked at before "
          "anything is "
          "written; with `any: true` it may be anything, and then it does not come back",
          "`Pad`",
          {},
          parameters<Slice>("How many are kept.", "The extent before, up to which the inverse pads."),
          &make};
}

}  // namespace

const OperationRow& pad_row() {
  return Pad::the_row();
}
const OperationRow& slice_row() {
  return Slice::the_row();
}

}  // namespace tenon
