// MergeModulelist stacks a list along a new dimension, SplitModulelist takes a stack apart.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/checked.h"
#include "rules/operations/bundles.h"
#include "rules/operations/registry.h"
#include "tensor/view_operations.h"

namespace tenon {
namespace {

// Where the items stand, and which numbers they carry.
struct Items {
  int dim = 0;
  Index start;
  OptionalNumber stride;

  ListNumbers numbers() const {
    return {start.number.value.value_or(0), stride ? stride->value.value_or(1) : 1};
  }
  std::string text() const {
    std::string out = fmt::format("dim={}", dim);
    if (numbers().start != 0) out += fmt::format(", start={}", numbers().start);
    if (numbers().stride != 1) out += fmt::format(", stride={}", numbers().stride);
    return out;
  }

  template <class O>
  static std::vector<OperationParameter> parameters() {
    return {
        parameter<O>("dim", &O::dim, "Counts from 0; negative from the end."),
        parameter<O>("start", &O::start, "The number of the list's first item; 0 where it is left out."),
        parameter<O>("stride", &O::stride, "From one item's number to the next; 1 where it is left out.")};
  }
};

class MergeModulelist final : public Items, public OperationOf<MergeModulelist> {
 public:
  static OperationRow describe();
  std::string text() const override { return Items::text(); }
  std::shared_ptr<const LayoutOperation> inverse() const override;
  ListNumbers list_numbers() const override { return numbers(); }

  void apply(const OperationContext&, std::vector<Entry>& entries) const override {
    const bool alone = entries.size() == 1;
    const std::size_t length = entries.front().views.size();
    for (auto& entry : entries) {
      if (entry.views.size() != length) {
        throw OperationError{
            "rule-op-lists"_id,
            fmt::format("lists of different lengths: {} and {} tensors", length, entry.views.size()),
            "Each expert needs a tensor of every kind."};
      }
      merge(entry);
      if (!alone) continue;
      entry.is_target = true;
      entry.pattern = 0;
    }
  }

 private:
  // The innermost lists, each into one tensor.
  void merge(Entry& entry) const {
    if (entry.lists.size() < 2) {
      entry.views = {stacked(entry.views, dim)};
      entry.lists.clear();
      return;
    }
    const auto inner = static_cast<std::ptrdiff_t>(entry.lists.back());
    std::vector<View> outer;
    for (auto at = entry.views.begin(); at != entry.views.end(); at += inner)
      outer.push_back(stacked({at, at + inner}, dim));
    entry.views = std::move(outer);
    entry.lists.pop_back();
  }
};

class SplitModulelist final : public Items, public OperationOf<SplitModulelist> {
 public:
  static OperationRow describe();
  std::string text() const override { return Items::text(); }
  std::shared_ptr<const LayoutOperation> inverse() const override;
  ListNumbers list_numbers() const override { return numbers(); }

  void apply(const OperationContext& context, std::vector<Entry>& entries) const override {
    const bool alone = entries.size() == 1;
    std::vector<Entry> out;
    for (const auto& entry : entries) {
      const View& view = single(entry);
      const std::size_t at = dimension(dim, view.shape.size());
      check_count(view.shape[at]);
      check_numbers(view.shape[at]);
      std::vector<View> parts = unstack(view, at);
      const bool own_target = !entry.is_target && context.target_count() > 1;
      for (std::size_t i = 0; i < parts.size(); ++i) {
        Entry part{entry.is_target, entry.pattern, entry.index, {std::move(parts[i])}, {}};
        part.index.push_back(numbers().start + numbers().stride * static_cast<std::int64_t>(i));
        if (own_target) part.is_target = true;
        if (!own_target && alone) {
          part.is_target = true;
          part.pattern = 0;
        }
        out.push_back(std::move(part));
      }
    }
    entries = std::move(out);
  }

 private:
  void check_numbers(std::int64_t count) const {
    const auto way = checked_mul(numbers().stride, count);
    if (!way || !checked_add(*way, numbers().start))
      throw OperationError{"plan-immense"_id,
                           fmt::format("{} numbers from {} in steps of {} do not fit", count, numbers().start,
                                       numbers().stride),
                           ""};
  }
};

std::shared_ptr<const LayoutOperation> MergeModulelist::inverse() const {
  auto out = std::make_shared<SplitModulelist>();
  static_cast<Items&>(*out) = *this;
  return out;
}

std::shared_ptr<const LayoutOperation> SplitModulelist::inverse() const {
  auto out = std::make_shared<MergeModulelist>();
  static_cast<Items&>(*out) = *this;
  return out;
}

OperationRow MergeModulelist::describe() {
  return {"MergeModulelist",
          "Stacks each pattern's list along a new dimension.",
          "stacks each pattern's list along a new dimension; of two in a rule the first stacks the inner "
          "list (the "
          "last star)",
          "`SplitModulelist`",
          {TensorArity::Takes::kLists, TensorArity::Leaves::kSame},
          parameters<MergeModulelist>(),
          &make};
}

OperationRow SplitModulelist::describe() {
  return {"SplitModulelist",
          "One tensor for each index of `dim`.",
          "one tensor for each index, that dimension removed; `*` in the target is the index, and of two in "
          "a rule "
          "the first fills the first star",
          "`MergeModulelist`",
          {TensorArity::Takes::kEach, TensorArity::Leaves::kNumbered},
          parameters<SplitModulelist>(),
          &make};
}

}  // namespace

const OperationRow& merge_modulelist_row() {
  return MergeModulelist::the_row();
}
const OperationRow& split_modulelist_row() {
  return SplitModulelist::the_row();
}

}  // namespace tenon
