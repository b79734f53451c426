#include "adapters/factor_view.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "tensor/split_piece.h"

namespace tenon {
namespace {

enum class Axis { kBatch, kRow, kColumn };

// Splits pieces at the borders of a tensor's rows and matrices, which lies on their output side.
std::vector<Piece> split_at_borders(const std::vector<Piece>& pieces, const Matrices& m) {
  std::vector<Piece> by_row;
  for (const auto& piece : pieces) split_at(piece, m.columns, by_row);
  std::vector<Piece> out;
  for (const auto& piece : by_row) split_at(piece, m.rows * m.columns, out);
  return out;
}

void swap_sides(std::vector<Piece>& pieces) {
  for (auto& piece : pieces) {
    std::swap(piece.source_offset, piece.output_offset);
    for (auto& loop : piece.loops) std::swap(loop.source_stride, loop.output_stride);
  }
}

Axis axis_of(std::int64_t stride, const Matrices& m) {
  if (stride % (m.rows * m.columns) == 0) return Axis::kBatch;
  return stride % m.columns == 0 ? Axis::kRow : Axis::kColumn;
}

// A loop between two axes, counted in indices of those.
struct Walk {
  std::int64_t extent;
  std::int64_t from;
  std::int64_t to;
};

class Factoring {
 public:
  Factoring(const Matrices& shape, const std::vector<Matrices>& sources) : shape_(shape), sources_(sources) {}

  bool add(const Piece& piece) {
    for (std::size_t i = 0; i < piece.loops.size(); ++i) {
      const Loop& loop = piece.loops[i];
      const bool batch = axis_of(loop.source_stride, sources_[piece.source]) == Axis::kBatch ||
                         axis_of(loop.output_stride, shape_) == Axis::kBatch;
      if (!batch) continue;
      Piece rest = piece;
      rest.loops.erase(rest.loops.begin() + static_cast<std::ptrdiff_t>(i));
      for (std::int64_t step = 0; step < loop.extent; ++step) {
        if (!add(rest)) return false;
        rest.source_offset += loop.source_stride;
        rest.output_offset += loop.output_stride;
      }
      return true;
    }
    return add_within_matrices(piece);
  }

  std::optional<std::vector<Link>> finish() {
    for (const Piece& piece : single_) {  // whose orientation follows from the others of their link
      if (!add_to_link(piece, {}, {}, std::nullopt)) return std::nullopt;
    }
    std::vector<Link> out;
    for (auto& [key, link] : links_) {
      const std::int64_t product = taken(link.rows) * taken(link.columns);
      if (product != elements_[key]) return std::nullopt;
      out.push_back(std::move(link));
    }
    std::sort(out.begin(), out.end(), [](const Link& a, const Link& b) {
      return std::tie(a.batch, a.first, a.source, a.source_batch) <
             std::tie(b.batch, b.first, b.source, b.source_batch);
    });
    return out;
  }

 private:
  using Key = std::tuple<std::uint32_t, std::int64_t, std::int64_t>;

  bool add_within_matrices(const Piece& piece) {
    const Matrices& source = sources_[piece.source];
    std::vector<Walk> rows;
    std::vector<Walk> columns;
    std::optional<bool> turned;
    for (const Loop& loop : piece.loops) {
      const bool from_row = axis_of(loop.source_stride, source) == Axis::kRow;
      const bool to_row = axis_of(loop.output_stride, shape_) == Axis::kRow;
      const bool turns = from_row != to_row;
      if (turned.value_or(turns) != turns) return false;
      turned = turns;
      (from_row ? rows : columns)
          .push_back({loop.extent, loop.source_stride / (from_row ? source.columns : 1),
                      loop.output_stride / (to_row ? shape_.columns : 1)});
    }
    if (!turned) {
      single_.push_back(piece);
      return true;
    }
    return add_to_link(piece, rows, columns, turned);
  }

  bool add_to_link(const Piece& piece, const std::vector<Walk>& rows, const std::vector<Walk>& columns,
                   std::optional<bool> turned) {
    const Matrices& source = sources_[piece.source];
    const std::int64_t matrix = source.rows * source.columns;
    const std::int64_t made = shape_.rows * shape_.columns;
    const Key key{piece.source, piece.source_offset / matrix, piece.output_offset / made};
    auto [at, fresh] = links_.try_emplace(key);
    Link& link = at->second;
    if (fresh) {
      link = {piece.source, std::get<1>(key),    std::get<2>(key),   turned.value_or(false), {},
              {},           piece.output_offset, piece.source_offset};
      link.rows.assign(static_cast<std::size_t>(source.rows), -1);
      link.columns.assign(static_cast<std::size_t>(source.columns), -1);
    }
    if (turned && *turned != link.turned) return false;
    link.first = std::min(link.first, piece.output_offset);
    link.first_source = std::min(link.first_source, piece.source_offset);
    const std::int64_t row = piece.source_offset % matrix / source.columns;
    const std::int64_t column = piece.source_offset % source.columns;
    const std::int64_t to_row = piece.output_offset % made / shape_.columns;
    const std::int64_t to_column = piece.output_offset % shape_.columns;
    elements_[key] += element_count(piece);
    return fill(link.rows, rows, 0, row, link.turned ? to_column : to_row) &&
           fill(link.columns, columns, 0, column, link.turned ? to_row : to_column);
  }

  static bool fill(std::vector<std::int64_t>& indices, const std::vector<Walk>& walks, std::size_t depth,
                   std::int64_t from, std::int64_t to) {
    if (depth == walks.size()) {
      std::int64_t& index = indices[static_cast<std::size_t>(from)];
      if (index >= 0 && index != to) return false;
      index = to;
      return true;
    }
    const Walk& walk = walks[depth];
    for (std::int64_t i = 0; i < walk.extent; ++i) {
      if (!fill(indices, walks, depth + 1, from + i * walk.from, to + i * walk.to)) return false;
    }
    return true;
  }

  Matrices shape_;
  const std::vector<Matrices>& sources_;
  std::map<Key, Link> links_;
  std::map<Key, std::int64_t> elements_;
  std::vector<Piece> single_;
};

}  // namespace

std::int64_t taken(const std::vector<std::int64_t>& indices) {
  return std::count_if(indices.begin(), indices.end(), [](std::int64_t i) { return i >= 0; });
}

std::optional<std::vector<Link>> factor_view(const View& view, const Matrices& shape,
                                             const std::vector<Matrices>& sources) {
  std::vector<Piece> pieces = split_at_borders(copies_of(view), shape);
  swap_sides(pieces);
  std::vector<Piece> split;
  for (const auto& piece : pieces) {
    for (auto& part : split_at_borders({piece}, sources[piece.source])) split.push_back(std::move(part));
  }
  swap_sides(split);
  Factoring factoring(shape, sources);
  for (const auto& piece : split) {
    if (!factoring.add(piece)) return std::nullopt;
  }
  return factoring.finish();
}

}  // namespace tenon
