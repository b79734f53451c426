#include "tensor/view_operations.h"

#include <algorithm>
#include <numeric>

#include "tensor/split_piece.h"

namespace tenon {
namespace {

// Elements of one step along each dimension of a row-major tensor.
std::vector<std::int64_t> strides_of(const Shape& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

std::int64_t product(const Shape& shape, std::size_t from, std::size_t to) {
  return std::accumulate(shape.begin() + static_cast<std::ptrdiff_t>(from),
                         shape.begin() + static_cast<std::ptrdiff_t>(to), std::int64_t{1},
                         std::multiplies<>());
}

bool is_empty(const Shape& shape) {
  return std::find(shape.begin(), shape.end(), 0) != shape.end();
}

// Moves blocks of `old_block` elements into blocks of `new_block`, `shift` elements further in.
void place_into_blocks(const View& part, std::int64_t old_block, std::int64_t new_block, std::int64_t shift,
                       View& out) {
  std::vector<Piece> split;
  for (const auto& piece : part.pieces) split_at(piece, old_block, split);
  for (auto& piece : split) {
    piece.output_offset =
        piece.output_offset / old_block * new_block + piece.output_offset % old_block + shift;
    for (auto& loop : piece.loops) {
      if (loop.output_stride % old_block == 0)
        loop.output_stride = loop.output_stride / old_block * new_block;
    }
    out.pieces.push_back(std::move(piece));
  }
}

// The dimension that a view is cut along, as its pieces see it.
struct CutDimension {
  std::int64_t inner = 1;            // elements of one index
  std::int64_t extent = 1;           // indices
  std::vector<std::int64_t> starts;  // of each part, and the extent at the end

  std::int64_t index_of(std::int64_t offset) const { return offset / inner % extent; }
  std::int64_t block() const { return inner * extent; }
  std::size_t made = 0;  // pieces so far, of all parts

  bool walks(const Loop& loop) const {
    return loop.output_stride % inner == 0 && loop.output_stride % block() != 0;
  }
};

// Gives a piece, split at the dimension's borders, to the parts that its indices fall into. The widest loop
// along the dimension is divided among them; where one of its steps still spans two parts, that step goes on
// alone.
void distribute(const Piece& piece, CutDimension& dim, std::vector<View>& parts) {
  const std::int64_t first = dim.index_of(piece.output_offset);
  std::int64_t last = first;
  std::size_t widest = piece.loops.size();
  for (std::size_t i = 0; i < piece.loops.size(); ++i) {
    if (!dim.walks(piece.loops[i])) continue;
    last += (piece.loops[i].extent - 1) * piece.loops[i].output_stride / dim.inner;
    if (widest == piece.loops.size() || piece.loops[i].output_stride > piece.loops[widest].output_stride)
      widest = i;
  }
  const auto end = std::upper_bound(dim.starts.begin(), dim.starts.end(), first);
  const auto part = static_cast<std::size_t>(end - dim.starts.begin()) - 1;
  if (last < *end) {
    if (++dim.made > kMaxPieces) throw TooManyPieces{};
    const std::int64_t part_extent = dim.starts[part + 1] - dim.starts[part];
    Piece moved = piece;
    const std::int64_t outer = piece.output_offset / dim.block();
    moved.output_offset = outer * dim.inner * part_extent + (first - dim.starts[part]) * dim.inner +
                          piece.output_offset % dim.inner;
    for (auto& loop : moved.loops) {
      if (loop.output_stride % dim.block() == 0)
        loop.output_stride = loop.output_stride / dim.block() * dim.inner * part_extent;
    }
    parts[part].pieces.push_back(std::move(moved));
    return;
  }
  const Loop loop = piece.loops[widest];
  const std::int64_t step = loop.output_stride / dim.inner;
  const std::int64_t width =
      last - first - (loop.extent - 1) * step;  // what one step of the widest loop spans
  for (std::int64_t i = 0; i < loop.extent;) {
    const std::int64_t here = first + i * step;
    const std::int64_t border = *std::upper_bound(dim.starts.begin(), dim.starts.end(), here);
    const std::int64_t fitting = here + width < border ? (border - 1 - width - here) / step + 1 : 1;
    const std::int64_t count = std::min(fitting, loop.extent - i);
    Piece some = piece;
    advance(some, widest, i);
    some.loops[widest].extent = count;
    if (count == 1) erase_loop(some, widest);
    distribute(some, dim, parts);
    i += count;
  }
}

}  // namespace

View concatenate(const std::vector<View>& parts, std::size_t dim) {
  View out{parts.front().dtype, parts.front().shape, {}};
  out.shape[dim] = 0;
  for (const auto& part : parts) out.shape[dim] += part.shape[dim];
  const std::int64_t inner = product(out.shape, dim + 1, out.shape.size());
  std::int64_t start = 0;
  for (const auto& part : parts) {
    if (!is_empty(part.shape))
      place_into_blocks(part, part.shape[dim] * inner, out.shape[dim] * inner, start * inner, out);
    start += part.shape[dim];
  }
  normalise(out);
  return out;
}

std::vector<View> cut(const View& view, std::size_t dim, const std::vector<std::int64_t>& extents) {
  CutDimension cut_dim{product(view.shape, dim + 1, view.shape.size()), view.shape[dim], {0}, 0};
  std::vector<View> parts;
  for (const std::int64_t extent : extents) {
    cut_dim.starts.push_back(cut_dim.starts.back() + extent);
    parts.push_back({view.dtype, view.shape, {}});
    parts.back().shape[dim] = extent;
  }
  if (is_empty(view.shape)) return parts;
  std::vector<Piece> by_index;
  std::vector<Piece> split;
  for (const auto& piece : view.pieces) split_at(piece, cut_dim.inner, by_index);
  for (const auto& piece : by_index) split_at(piece, cut_dim.block(), split);
  for (const auto& piece : split) distribute(piece, cut_dim, parts);
  for (auto& part : parts) normalise(part);
  return parts;
}

View stack(const std::vector<View>& views, std::size_t dim) {
  Shape with_dim = views.front().shape;
  with_dim.insert(with_dim.begin() + static_cast<std::ptrdiff_t>(dim), 1);
  std::vector<View> parts;
  parts.reserve(views.size());
  for (const auto& view : views) parts.push_back({view.dtype, with_dim, view.pieces});
  return concatenate(parts, dim);
}

std::vector<View> unstack(const View& view, std::size_t dim) {
  auto parts = cut(view, dim, std::vector<std::int64_t>(static_cast<std::size_t>(view.shape[dim]), 1));
  for (auto& part : parts) part.shape.erase(part.shape.begin() + static_cast<std::ptrdiff_t>(dim));
  return parts;
}

View reshape(View view, Shape shape) {
  view.shape = std::move(shape);
  return view;
}

View permute(const View& view, const std::vector<std::size_t>& order) {
  View out{view.dtype, {}, {}};
  for (const std::size_t dim : order) out.shape.push_back(view.shape[dim]);
  if (is_empty(view.shape)) return out;
  const auto old_strides = strides_of(view.shape);
  const auto strides = strides_of(out.shape);
  std::vector<std::int64_t> new_stride(order.size());  // by old dimension
  for (std::size_t i = 0; i < order.size(); ++i) new_stride[order[i]] = strides[i];

  std::vector<Piece> pieces = view.pieces;
  for (std::size_t dim = 1; dim < view.shape.size(); ++dim) {
    std::vector<Piece> split;
    for (const auto& piece : pieces) split_at(piece, old_strides[dim - 1], split);
    pieces = std::move(split);
  }
  // Now every loop moves along one dimension: the outermost whose stride divides its own.
  const auto dimension_of = [&](std::int64_t stride) {
    std::size_t dim = 0;
    while (stride % old_strides[dim] != 0 || view.shape[dim] == 1) ++dim;
    return dim;
  };
  for (auto& piece : pieces) {
    std::int64_t offset = 0;
    for (std::size_t dim = 0; dim < view.shape.size(); ++dim) {
      offset += piece.output_offset / old_strides[dim] % view.shape[dim] * new_stride[dim];
    }
    piece.output_offset = offset;
    for (auto& loop : piece.loops) {
      const std::size_t dim = dimension_of(loop.output_stride);
      loop.output_stride = loop.output_stride / old_strides[dim] * new_stride[dim];
    }
  }
  out.pieces = std::move(pieces);
  normalise(out);
  return out;
}

View regroup(const View& view, std::size_t dim, std::int64_t first, std::int64_t second) {
  Shape split = view.shape;
  split[dim] = first;
  split.insert(split.begin() + static_cast<std::ptrdiff_t>(dim) + 1, second);
  std::vector<std::size_t> order(split.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::swap(order[dim], order[dim + 1]);
  return reshape(permute(reshape(view, split), order), view.shape);
}

}  // namespace tenon
