#include "rules/operations/bundles.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/checked.h"
#include "tensor/split_piece.h"
#include "tensor/view_operations.h"

namespace tenon {
namespace {

// Throws where dtypes or shapes differ, but for the extent of `except`.
void check_same(const std::vector<View>& views, std::optional<std::size_t> except) {
  const View& first = views.front();
  for (const View& view : views) {
    if (view.dtype != first.dtype) {
      throw OperationError{
          "rule-op-dtypes"_id,
          fmt::format("{} and {} cannot be joined", name_of(first.dtype), name_of(view.dtype)), ""};
    }
    Shape a = first.shape;
    Shape b = view.shape;
    if (except && a.size() == b.size() && *except < a.size()) a[*except] = b[*except];
    if (a != b) {
      throw OperationError{
          "rule-op-shapes"_id,
          fmt::format("shapes {} and {} do not fit together", to_string(first.shape), to_string(view.shape)),
          ""};
    }
  }
}

}  // namespace

std::size_t dimension(int dim, std::size_t rank, std::string_view what) {
  if (const auto found = dimension_index(dim, rank)) return *found;
  throw OperationError{"rule-op-dimension"_id,
                       fmt::format("{} {} does not exist in a tensor of {} dimensions", what, dim, rank), ""};
}

const View& single(const Entry& entry) {
  if (entry.views.size() != 1) {
    throw OperationError{"operation-arity"_id,
                         fmt::format("{} tensors reach one target where one is expected", entry.views.size()),
                         "A pattern that should collect a list is written with '*.'."};
  }
  return entry.views.front();
}

void check_room(const Shape& shape) {
  std::optional<std::int64_t> product = 1;
  for (const std::int64_t extent : shape) {
    product = checked_mul(*product, std::max<std::int64_t>(extent, 1));
    if (!product || *product > kMaxElements)
      throw OperationError{"plan-immense"_id,
                           fmt::format("{} is too large to compute with", to_string(shape)), ""};
  }
}

void check_count(std::int64_t parts) {
  if (parts <= static_cast<std::int64_t>(kMaxPieces)) return;
  throw OperationError{
      "plan-immense"_id,
      fmt::format("it would make {} tensors of one; more than {} are refused", parts, kMaxPieces),
      "Is it the right dimension, and is config.json that of this checkpoint?"};
}

void check_joinable(const std::vector<View>& parts, std::size_t dim) {
  check_same(parts, dim);
  Shape joined = parts.front().shape;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const auto sum = checked_add(joined[dim], parts[i].shape[dim]);
    joined[dim] = sum.value_or(std::numeric_limits<std::int64_t>::max());
    check_room(joined);
  }
}

View stacked(const std::vector<View>& views, int dim) {
  check_same(views, std::nullopt);
  Shape shape = views.front().shape;
  const std::size_t at = dimension(dim, shape.size() + 1, "new dimension");
  shape.push_back(static_cast<std::int64_t>(views.size()));
  check_room(shape);
  return stack(views, at);
}

void each_view(const OperationContext& context, std::vector<Entry>& entries,
               const std::function<View(const View&)>& f) {
  for (auto& entry : entries) {
    for (auto& view : entry.views) view = f(view);
  }
  Entry& first = entries.front();
  if (entries.size() == 1 && context.target_count() == 1 && first.index.empty()) {
    first.is_target = true;
    first.pattern = 0;
  }
}

std::vector<std::int64_t> values_of(const std::vector<Number>& numbers) {
  std::vector<std::int64_t> out;
  for (const auto& n : numbers) out.push_back(n.value.value_or(0));
  return out;
}

void remember_shapes(const OperationContext& context, const std::vector<Entry>& entries) {
  std::vector<Shape> shapes;
  for (const auto& entry : entries) {
    for (const auto& view : entry.views) shapes.push_back(view.shape);
  }
  if (std::adjacent_find(shapes.begin(), shapes.end(), std::not_equal_to<>()) == shapes.end())
    shapes.resize(1);
  context.found.shapes[context.key][std::to_string(context.position)] = std::move(shapes);
}

const Shape* remembered_shape(const OperationContext& context, std::size_t i) {
  const auto of_key = context.known.shapes.find(context.key);
  if (of_key == context.known.shapes.end()) return nullptr;
  const auto here = of_key->second.find(std::to_string(context.position));
  if (here == of_key->second.end() || here->second.empty()) return nullptr;
  if (here->second.size() == 1) return &here->second.front();
  return i < here->second.size() ? &here->second[i] : nullptr;
}

void apply_operation(const Operation& operation, const OperationContext& context,
                     std::vector<Entry>& entries) {
  for (const auto& entry : entries) {
    for (const auto& view : entry.views) check_room(view.shape);
  }
  try {
    operation->apply(context, entries);
  } catch (const TooManyPieces&) {
    throw OperationError{"plan-immense"_id,
                         fmt::format("its elements would move in more than {} separate runs", kMaxPieces),
                         "The dimensions do not divide evenly here: is it the right one, and is config.json "
                         "that of this checkpoint?"};
  }
}

}  // namespace tenon
