#include "plan/apply_operation.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/checked.h"
#include "plan/decide_transpose.h"
#include "plan/part_extents.h"
#include "plan/split_piece.h"
#include "plan/view_operations.h"

namespace tenon {
namespace {

using Entries = std::vector<Entry>;

std::size_t dimension(int dim, std::size_t rank, std::string_view what) {
  const int r = static_cast<int>(rank);
  if (dim < -r || dim >= r) {
    throw OperationError{fmt::format("{} {} does not exist in a tensor of {} dimensions", what, dim, rank),
                         ""};
  }
  return static_cast<std::size_t>(dim < 0 ? dim + r : dim);
}

// A dimension that is about to be inserted: one more place than the tensor has.
std::size_t new_dimension(int dim, std::size_t rank) {
  return dimension(dim, rank + 1, "new dimension");
}

const View& single(const Entry& entry) {
  if (entry.views.size() != 1) {
    throw OperationError{fmt::format("{} tensors reach one target where one is expected", entry.views.size()),
                         "A pattern that should collect a list is written with '*.'."};
  }
  return entry.views.front();
}

// Tensors without elements may have extents of any size: those too must not overflow where they are
// multiplied.
void check_room(const Shape& shape) {
  std::optional<std::int64_t> product = 1;
  for (const std::int64_t extent : shape) {
    product = checked_mul(*product, std::max<std::int64_t>(extent, 1));
    if (!product || *product > kMaxElements)
      throw OperationError{fmt::format("{} is too large to compute with", to_string(shape)), ""};
  }
}

// A tensor taken apart makes that many.
void check_count(std::int64_t parts) {
  if (parts <= static_cast<std::int64_t>(kMaxPieces)) return;
  throw OperationError{
      fmt::format("it would make {} tensors of one; more than {} are refused", parts, kMaxPieces),
      "Is it the right dimension, and is config.json that of this checkpoint?"};
}

void check_same(const std::vector<const View*>& views, std::optional<std::size_t> except) {
  for (const View* view : views) {
    if (view->dtype != views.front()->dtype) {
      throw OperationError{
          fmt::format("{} and {} cannot be joined", name_of(views.front()->dtype), name_of(view->dtype)), ""};
    }
    Shape a = views.front()->shape;
    Shape b = view->shape;
    if (except && a.size() == b.size() && *except < a.size()) a[*except] = b[*except];
    if (a != b) {
      throw OperationError{fmt::format("shapes {} and {} do not fit together",
                                       to_string(views.front()->shape), to_string(view->shape)),
                           ""};
    }
  }
}

std::vector<std::int64_t> values(const std::vector<Number>& numbers) {
  std::vector<std::int64_t> out;
  for (const auto& n : numbers) out.push_back(n.value.value_or(0));
  return out;
}

class Applier {
 public:
  Applier(const Operation& operation, const OperationContext& context, Entries& entries)
      : operation_(operation), context_(context), entries_(entries) {}

  void operator()(const Chunk& o) {
    if (entries_.size() != 1)
      throw OperationError{fmt::format("Chunk takes one tensor, not {}", entries_.size()), ""};
    const View view = single(entries_.front());
    const std::size_t dim = dimension(o.dim, view.shape.size(), "dimension");
    const std::vector<std::int64_t> extents =
        part_extents(o, operation_.shard_count, view.shape[dim], context_);
    std::vector<View> parts = cut(view, dim, extents);
    Entries out;
    const bool numbered = operation_.shard_count.has_value() || (target_count() == 1 && has_star(0));
    if (!numbered && parts.size() != target_count()) {
      throw OperationError{fmt::format("{} parts for {} targets", parts.size(), target_count()), ""};
    }
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const std::optional<std::int64_t> index =
          numbered ? std::optional(static_cast<std::int64_t>(i)) : std::nullopt;
      out.push_back({true, numbered ? 0 : i, index, {std::move(parts[i])}});
    }
    entries_ = std::move(out);
  }

  void operator()(const Concatenate& o) {
    std::vector<View> parts;
    for (auto& entry : entries_) std::move(entry.views.begin(), entry.views.end(), std::back_inserter(parts));
    const std::size_t dim = dimension(o.dim, parts.front().shape.size(), "dimension");
    check_joinable(parts, dim);
    if (operation_.shard_count && *operation_.shard_count != static_cast<std::int64_t>(parts.size())) {
      throw OperationError{fmt::format("{} parts, but {} in config.json says {}", parts.size(),
                                       o.num_shards_attribute, *operation_.shard_count),
                           ""};
    }
    std::vector<std::int64_t> extents;
    for (const auto& part : parts) extents.push_back(part.shape[dim]);
    check_declared(o.sizes, extents, context_);
    if (context_.to_fused) context_.found.part_sizes[context_.key] = extents;
    entries_ = {{true, 0, std::nullopt, {concatenate(parts, dim)}}};
  }

  void operator()(const MergeModulelist& o) {
    const bool alone = entries_.size() == 1;
    const std::size_t length = entries_.front().views.size();
    for (auto& entry : entries_) {
      if (entry.views.size() != length) {
        throw OperationError{
            fmt::format("lists of different lengths: {} and {} tensors", length, entry.views.size()),
            "Each expert needs a tensor of every kind."};
      }
      entry.views = {stacked(entry.views, o.dim)};
      if (alone) entry = {true, 0, std::nullopt, std::move(entry.views)};
    }
  }

  void operator()(const SplitModulelist& o) {
    const bool alone = entries_.size() == 1;
    Entries out;
    for (const auto& entry : entries_) {
      const View& view = single(entry);
      const std::size_t dim = dimension(o.dim, view.shape.size(), "dimension");
      check_count(view.shape[dim]);
      std::vector<View> parts = unstack(view, dim);
      const bool own_target = !entry.is_target && target_count() > 1;
      for (std::size_t i = 0; i < parts.size(); ++i) {
        Entry part{entry.is_target, entry.pattern, static_cast<std::int64_t>(i), {std::move(parts[i])}};
        if (own_target) part.is_target = true;
        if (!own_target && alone) {
          part.is_target = true;
          part.pattern = 0;
        }
        out.push_back(std::move(part));
      }
    }
    entries_ = std::move(out);
  }

  void operator()(const Transpose& o) {
    each([&](const View& view) {
      const std::size_t a = dimension(o.dim0, view.shape.size(), "dim0");
      const std::size_t b = dimension(o.dim1, view.shape.size(), "dim1");
      return o.check_dims && !decide_transpose(o, view.shape, context_) ? view : swapped(view, a, b);
    });
  }

  void operator()(const Interleave& o) {
    each([&](const View& view) {
      const std::size_t dim = dimension(o.dim, view.shape.size(), "dimension");
      const std::int64_t n = view.shape[dim];
      if (n % 2 != 0) {
        throw OperationError{fmt::format("Interleave needs an even extent, dimension {} of {} is odd", dim,
                                         to_string(view.shape)),
                             ""};
      }
      return o.inverse ? regroup(view, dim, 2, n / 2) : regroup(view, dim, n / 2, 2);
    });
  }

  void operator()(const Conv3dToLinear& o) {
    each([&](const View& view) {
      if (view.shape.size() == 2) return view;
      if (view.shape.size() != 5) {
        throw OperationError{
            fmt::format("Conv3dToLinear takes [out, in, t, h, w], not {}", to_string(view.shape)), ""};
      }
      const Shape declared = patch_shape(o.in_channels, o.kernel_size);
      if (!declared.empty() && !std::equal(declared.begin(), declared.end(), view.shape.begin() + 1)) {
        throw OperationError{fmt::format("the convolution is {}, the rule says {} for its last four extents",
                                         to_string(view.shape), to_string(declared)),
                             "in_channels and kernel_size come from the rule, or from the vision config."};
      }
      const std::int64_t flat = view.shape[1] * view.shape[2] * view.shape[3] * view.shape[4];
      return reshape(view, {view.shape[0], flat});
    });
  }

  void operator()(const LinearToConv3d& o) {
    each([&](const View& view) {
      const Shape patch = patch_shape(o.in_channels, o.kernel_size);
      if (view.shape.size() != 2 || patch.empty()) {
        throw OperationError{
            fmt::format("LinearToConv3d takes [out, in*t*h*w], not {}", to_string(view.shape)), ""};
      }
      Shape shape = {view.shape[0]};
      shape.insert(shape.end(), patch.begin(), patch.end());
      if (element_count(shape) != element_count(view.shape)) {
        throw OperationError{
            fmt::format("{} cannot be viewed as {}", to_string(view.shape), to_string(shape)),
            "in_channels and kernel_size come from the rule, or from the vision config."};
      }
      return reshape(view, shape);
    });
  }

  void operator()(const PermuteForRope& o) {
    for (auto& entry : entries_) {
      const auto& patterns =
          entry.is_target ? context_.transform.target_patterns : context_.transform.source_patterns;
      const std::string& pattern = patterns.at(entry.pattern);
      const bool named = std::any_of(o.permute_layer_names.begin(), o.permute_layer_names.end(),
                                     [&](const auto& n) { return pattern.find(n) != std::string::npos; });
      if (!named) continue;
      for (auto& view : entry.views) view = permuted_for_rope(view, o.heads.value_or(1), o.inverse);
    }
  }

  void operator()(const ErnieFuseAndSplitTextVisionExperts& o) {
    const std::size_t groups = target_count();
    Entries out;
    for (std::size_t j = 0; j < groups; ++j) {
      std::vector<View> parts;
      for (const auto& entry : entries_) {
        if (entry.views.size() % groups != 0) {
          throw OperationError{
              fmt::format("{} experts do not make {} equal groups", entry.views.size(), groups), ""};
        }
        const std::size_t size = entry.views.size() / groups;
        const auto from = entry.views.begin() + static_cast<std::ptrdiff_t>(j * size);
        parts.push_back(stacked({from, from + static_cast<std::ptrdiff_t>(size)}, o.stack_dim));
      }
      const std::size_t dim = dimension(o.concat_dim, parts.front().shape.size(), "concat_dim");
      check_joinable(parts, dim);
      if (std::any_of(parts.begin(), parts.end(),
                      [&](const View& p) { return p.shape[dim] != parts.front().shape[dim]; })) {
        throw OperationError{
            "the parts of an expert have different extents and could not be told apart again", ""};
      }
      out.push_back({true, j, std::nullopt, {concatenate(parts, dim)}});
    }
    entries_ = std::move(out);
  }

  void operator()(const ErnieSplitAndDecoupleTextVisionExperts& o) {
    const auto parts = static_cast<std::int64_t>(target_count());
    Entries out;
    std::vector<std::int64_t> next(target_count(), 0);
    for (const auto& entry : entries_) {
      const View& view = single(entry);
      const std::size_t dim = dimension(o.concat_dim, view.shape.size(), "concat_dim");
      if (view.shape[dim] % parts != 0) {
        throw OperationError{
            fmt::format("dimension {} of {} does not make {} equal parts", dim, to_string(view.shape), parts),
            ""};
      }
      const auto cuts = cut(view, dim, std::vector<std::int64_t>(target_count(), view.shape[dim] / parts));
      const std::size_t stack_dim = dimension(o.stack_dim, view.shape.size(), "stack_dim");
      for (std::size_t j = 0; j < cuts.size(); ++j) {
        check_count(cuts[j].shape[stack_dim]);
        for (auto& expert : unstack(cuts[j], stack_dim)) {
          out.push_back({true, j, next[j]++, {std::move(expert)}});
        }
      }
    }
    entries_ = std::move(out);
  }

 private:
  std::size_t target_count() const { return context_.transform.target_patterns.size(); }
  bool has_star(std::size_t i) const {
    return context_.transform.target_patterns[i].find('*') != std::string::npos;
  }

  // Applies f to every view; an entry that stands alone now belongs to the only target.
  template <class F>
  void each(const F& f) {
    for (auto& entry : entries_) {
      for (auto& view : entry.views) view = f(view);
    }
    Entry& first = entries_.front();
    if (entries_.size() == 1 && target_count() == 1 && !first.index) {
      first.is_target = true;
      first.pattern = 0;
    }
  }

  static View stacked(const std::vector<View>& views, int dim) {
    std::vector<const View*> all;
    for (const auto& view : views) all.push_back(&view);
    check_same(all, std::nullopt);
    Shape stacked = views.front().shape;
    stacked.push_back(static_cast<std::int64_t>(views.size()));
    check_room(stacked);
    return stack(views, new_dimension(dim, views.front().shape.size()));
  }

  static void check_joinable(const std::vector<View>& parts, std::size_t dim) {
    std::vector<const View*> all;
    for (const auto& part : parts) all.push_back(&part);
    check_same(all, dim);
    Shape joined = parts.front().shape;
    for (std::size_t i = 1; i < parts.size(); ++i) {
      const auto sum = checked_add(joined[dim], parts[i].shape[dim]);
      joined[dim] = sum.value_or(std::numeric_limits<std::int64_t>::max());
      check_room(joined);
    }
  }

  static View swapped(const View& view, std::size_t a, std::size_t b) {
    std::vector<std::size_t> order(view.shape.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::swap(order[a], order[b]);
    return permute(view, order);
  }

  static View permuted_for_rope(const View& view, std::int64_t heads, bool inverse) {
    const auto halves = checked_mul<std::int64_t>(heads, 2);
    if (view.shape.empty() || !halves || view.shape[0] % *halves != 0) {
      throw OperationError{
          fmt::format("{} does not split into {} heads of pairs", to_string(view.shape), heads), ""};
    }
    const std::int64_t half = view.shape[0] / heads / 2;
    Shape by_head = view.shape;
    by_head[0] = half * 2;
    by_head.insert(by_head.begin(), heads);
    const View split = reshape(view, by_head);
    return reshape(inverse ? regroup(split, 1, 2, half) : regroup(split, 1, half, 2), view.shape);
  }

  static Shape patch_shape(const std::optional<Number>& in_channels, const std::vector<Number>& kernel_size) {
    if (!in_channels || kernel_size.size() != 3) return {};
    Shape out = {in_channels->value.value_or(0)};
    for (const std::int64_t extent : values(kernel_size)) out.push_back(extent);
    return out;
  }

  const Operation& operation_;
  const OperationContext& context_;
  Entries& entries_;
};

}  // namespace

void apply_operation(const Operation& operation, const OperationContext& context,
                     std::vector<Entry>& entries) {
  for (const auto& entry : entries) {
    for (const auto& view : entry.views) check_room(view.shape);
  }
  try {
    std::visit(Applier(operation, context, entries), operation.does);
  } catch (const TooManyPieces&) {
    throw OperationError{fmt::format("its elements would move in more than {} separate runs", kMaxPieces),
                         "The dimensions do not divide evenly here: is it the right one, and is config.json "
                         "that of this checkpoint?"};
  }
}

}  // namespace tenon
