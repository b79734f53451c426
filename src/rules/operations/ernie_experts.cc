// Ernie 4.5 VL keeps text and vision experts in one list: the first half is the one's, the second the
// other's.
#include <fmt/format.h>

#include <algorithm>

#include "rules/operations/bundles.h"
#include "rules/operations/registry.h"
#include "tensor/view_operations.h"

namespace tenon {
namespace {

struct Ernie {
  int stack_dim = 0;
  int concat_dim = 1;

  std::string text() const { return fmt::format("stack_dim={}, concat_dim={}", stack_dim, concat_dim); }

  template <class O>
  static std::vector<OperationParameter> parameters() {
    return {parameter<O>("stack_dim", &O::stack_dim, "Counts from 0; negative from the end."),
            parameter<O>("concat_dim", &O::concat_dim, "Counts from 0; negative from the end.")};
  }
};

class ErnieFuse final : public Ernie, public OperationOf<ErnieFuse> {
 public:
  static OperationRow describe();
  std::string text() const override { return Ernie::text(); }
  std::shared_ptr<const LayoutOperation> inverse() const override;

  void apply(const OperationContext& context, std::vector<Entry>& entries) const override {
    const std::size_t groups = context.target_count();
    std::vector<Entry> out;
    for (std::size_t j = 0; j < groups; ++j) {
      std::vector<View> parts;
      for (const auto& entry : entries) {
        if (entry.views.size() % groups != 0) {
          throw OperationError{
              "rule-op-uneven"_id,
              fmt::format("{} experts do not make {} equal groups", entry.views.size(), groups), ""};
        }
        const std::size_t size = entry.views.size() / groups;
        const auto from = entry.views.begin() + static_cast<std::ptrdiff_t>(j * size);
        parts.push_back(stacked({from, from + static_cast<std::ptrdiff_t>(size)}, stack_dim));
      }
      const std::size_t dim = dimension(concat_dim, parts.front().shape.size(), "concat_dim");
      check_joinable(parts, dim);
      if (std::any_of(parts.begin(), parts.end(),
                      [&](const View& p) { return p.shape[dim] != parts.front().shape[dim]; })) {
        throw OperationError{
            "rule-op-shapes"_id,
            "the parts of an expert have different extents and could not be told apart again", ""};
      }
      out.push_back({true, j, {}, {concatenate(parts, dim)}, {}});
    }
    entries = std::move(out);
  }
};

class ErnieSplit final : public Ernie, public OperationOf<ErnieSplit> {
 public:
  static OperationRow describe();
  std::string text() const override { return Ernie::text(); }
  std::shared_ptr<const LayoutOperation> inverse() const override;

  void apply(const OperationContext& context, std::vector<Entry>& entries) const override {
    const std::size_t targets = context.target_count();
    const auto parts = static_cast<std::int64_t>(targets);
    std::vector<Entry> out;
    std::vector<std::int64_t> next(targets, 0);
    for (const auto& entry : entries) {
      const View& view = single(entry);
      const std::size_t dim = dimension(concat_dim, view.shape.size(), "concat_dim");
      if (view.shape[dim] % parts != 0) {
        throw OperationError{
            "rule-op-uneven"_id,
            fmt::format("dimension {} of {} does not make {} equal parts", dim, to_string(view.shape), parts),
            ""};
      }
      const auto cuts = cut(view, dim, std::vector<std::int64_t>(targets, view.shape[dim] / parts));
      const std::size_t at = dimension(stack_dim, view.shape.size(), "stack_dim");
      for (std::size_t j = 0; j < cuts.size(); ++j) {
        check_count(cuts[j].shape[at]);
        for (auto& expert : unstack(cuts[j], at))
          out.push_back({true, j, {next[j]++}, {std::move(expert)}, {}});
      }
    }
    entries = std::move(out);
  }
};

std::shared_ptr<const LayoutOperation> ErnieFuse::inverse() const {
  auto out = std::make_shared<ErnieSplit>();
  static_cast<Ernie&>(*out) = *this;
  return out;
}

std::shared_ptr<const LayoutOperation> ErnieSplit::inverse() const {
  auto out = std::make_shared<ErnieFuse>();
  static_cast<Ernie&>(*out) = *this;
  return out;
}

OperationRow ErnieFuse::describe() {
  return {"ErnieFuseAndSplitTextVisionExperts",
          "Deals experts out to text and vision, stacks and joins.",
          "deals each pattern's experts out to the targets, stacks, then joins the patterns",
          "`ErnieSplitAndDecoupleTextVisionExperts`",
          {TensorArity::Takes::kLists, TensorArity::Leaves::kTargets},
          parameters<ErnieFuse>(),
          &make};
}

OperationRow ErnieSplit::describe() {
  return {"ErnieSplitAndDecoupleTextVisionExperts",
          "The way back of ErnieFuseAndSplitTextVisionExperts.",
          "the way back",
          "`ErnieFuseAndSplitTextVisionExperts`",
          {TensorArity::Takes::kEach, TensorArity::Leaves::kNumberedTargets},
          parameters<ErnieSplit>(),
          &make};
}

}  // namespace

const OperationRow& ernie_fuse_row() {
  return ErnieFuse::the_row();
}
const OperationRow& ernie_split_row() {
  return ErnieSplit::the_row();
}

}  // namespace tenon
