#include "tensor/view.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <set>

namespace tenon {
namespace {

// Drops loops of one step, orders the others by falling output stride, and joins neighbours of which one runs
// on where the other ends.
void normalise_loops(std::vector<Loop>& loops) {
  std::erase_if(loops, [](const Loop& loop) { return loop.extent == 1; });
  std::sort(loops.begin(), loops.end(),
            [](const Loop& a, const Loop& b) { return a.output_stride > b.output_stride; });
  for (std::size_t i = 0; i + 1 < loops.size();) {
    const Loop& inner = loops[i + 1];
    const bool runs_on = loops[i].output_stride == inner.extent * inner.output_stride &&
                         loops[i].source_stride == inner.extent * inner.source_stride;
    if (!runs_on) {
      ++i;
      continue;
    }
    loops[i] = {loops[i].extent * inner.extent, inner.source_stride, inner.output_stride};
    loops.erase(loops.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    if (i > 0) --i;
  }
}

// The same where further operands follow the loops.
void normalise_loops(Piece& piece) {
  if (piece.more.empty()) return normalise_loops(piece.loops);
  for (std::size_t i = piece.loops.size(); i-- > 0;) {
    if (piece.loops[i].extent == 1) erase_loop(piece, i);
  }
  std::vector<std::size_t> order(piece.loops.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return piece.loops[a].output_stride > piece.loops[b].output_stride;
  });
  Piece sorted = piece;
  for (std::size_t i = 0; i < order.size(); ++i) {
    sorted.loops[i] = piece.loops[order[i]];
    for (std::size_t k = 0; k < piece.more.size(); ++k)
      sorted.more[k].strides[i] = piece.more[k].strides[order[i]];
  }
  piece = std::move(sorted);
  for (std::size_t i = 0; i + 1 < piece.loops.size();) {
    Loop& outer = piece.loops[i];
    const Loop inner = piece.loops[i + 1];
    const bool runs_on = outer.output_stride == inner.extent * inner.output_stride &&
                         outer.source_stride == inner.extent * inner.source_stride &&
                         std::all_of(piece.more.begin(), piece.more.end(), [&](const Operand& o) {
                           return o.strides[i] == inner.extent * o.strides[i + 1];
                         });
    if (!runs_on) {
      ++i;
      continue;
    }
    outer = {outer.extent * inner.extent, inner.source_stride, inner.output_stride};
    piece.loops.erase(piece.loops.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    for (Operand& o : piece.more) o.strides.erase(o.strides.begin() + static_cast<std::ptrdiff_t>(i));
    if (i > 0) --i;
  }
}

// Do the operands of `next` go on where those of `piece` end with its outermost loop, and step alike below
// it?
bool operands_go_on(const Piece& piece, const Piece& next) {
  if (piece.recipe != next.recipe || piece.more.size() != next.more.size()) return false;
  const auto skipped = static_cast<std::ptrdiff_t>(piece.loops.size() == next.loops.size() ? 1 : 0);
  for (std::size_t k = 0; k < piece.more.size(); ++k) {
    const Operand& a = piece.more[k];
    const Operand& b = next.more[k];
    if (a.source != b.source || b.offset - a.offset != piece.loops.front().extent * a.strides.front())
      return false;
    if (skipped == 1 && a.strides.front() != b.strides.front()) return false;
    if (!std::equal(a.strides.begin() + 1, a.strides.end(), b.strides.begin() + skipped, b.strides.end()))
      return false;
  }
  return true;
}

// Joins `next` to `piece` where it goes on with the outermost loop.
bool join(Piece& piece, const Piece& next) {
  if (piece.source != next.source) return false;
  if (is_computed(piece) || is_computed(next)) {
    if (piece.loops.empty() || !operands_go_on(piece, next)) return false;
  }
  const std::size_t n = piece.loops.size();
  const std::int64_t source_step = next.source_offset - piece.source_offset;
  const std::int64_t output_step = next.output_offset - piece.output_offset;
  if (n == 0 && next.loops.empty() && source_step == (is_zero(piece) ? 0 : 1) && output_step == 1) {
    piece.loops = {{2, source_step, 1}};
    return true;
  }
  if (n == 0) return false;
  const Loop& outer = piece.loops.front();
  const bool goes_on =
      source_step == outer.extent * outer.source_stride && output_step == outer.extent * outer.output_stride;
  if (!goes_on) return false;
  if (next.loops.size() == n) {
    const Loop& other = next.loops.front();
    const bool same = other.source_stride == outer.source_stride &&
                      other.output_stride == outer.output_stride &&
                      std::equal(piece.loops.begin() + 1, piece.loops.end(), next.loops.begin() + 1);
    if (!same) return false;
    piece.loops.front().extent += other.extent;
    return true;
  }
  if (next.loops.size() + 1 == n &&
      std::equal(piece.loops.begin() + 1, piece.loops.end(), next.loops.begin())) {
    piece.loops.front().extent += 1;
    return true;
  }
  return false;
}

}  // namespace

View identity_view(std::uint32_t source, DType dtype, const Shape& shape) {
  View view{dtype, shape, {}};
  const auto count = static_cast<std::int64_t>(element_count(shape).value_or(0));
  if (count == 1) view.pieces.push_back({source, 0, 0, {}});
  if (count > 1) view.pieces.push_back({source, 0, 0, {{count, 1, 1}}});
  return view;
}

View zero_view(DType dtype, const Shape& shape) {
  View view = identity_view(kNoSource, dtype, shape);
  for (auto& piece : view.pieces) {
    for (auto& loop : piece.loops) loop.source_stride = 0;
  }
  return view;
}

std::vector<Piece> copies_of(const View& view) {
  std::vector<Piece> out;
  std::copy_if(view.pieces.begin(), view.pieces.end(), std::back_inserter(out),
               [](const Piece& piece) { return !is_zero(piece) && !is_computed(piece); });
  return out;
}

bool has_computed(const View& view) {
  return std::any_of(view.pieces.begin(), view.pieces.end(), is_computed);
}

std::vector<std::uint32_t> sources_of(const Piece& piece) {
  std::vector<std::uint32_t> out;
  if (piece.source != kNoSource) out.push_back(piece.source);
  for (const Operand& operand : piece.more) out.push_back(operand.source);
  return out;
}

std::vector<std::uint32_t> sources_of(const View& view) {
  std::set<std::uint32_t> out;
  for (const Piece& piece : view.pieces) {
    for (const std::uint32_t source : sources_of(piece)) out.insert(source);
  }
  return {out.begin(), out.end()};
}

void advance(Piece& piece, std::size_t loop, std::int64_t steps) {
  piece.source_offset += steps * piece.loops[loop].source_stride;
  piece.output_offset += steps * piece.loops[loop].output_stride;
  for (Operand& operand : piece.more) operand.offset += steps * operand.strides[loop];
}

void erase_loop(Piece& piece, std::size_t loop) {
  const auto at = static_cast<std::ptrdiff_t>(loop);
  piece.loops.erase(piece.loops.begin() + at);
  for (Operand& operand : piece.more) operand.strides.erase(operand.strides.begin() + at);
}

std::vector<Piece> zeros_of(const View& view) {
  std::vector<Piece> out;
  std::copy_if(view.pieces.begin(), view.pieces.end(), std::back_inserter(out), is_zero);
  return out;
}

std::int64_t element_count(const Piece& piece) {
  std::int64_t count = 1;
  for (const auto& loop : piece.loops) count *= loop.extent;
  return count;
}

void normalise(View& view) {
  for (auto& piece : view.pieces) normalise_loops(piece);
  const auto by_output = [](const Piece& a, const Piece& b) { return a.output_offset < b.output_offset; };
  if (!std::is_sorted(view.pieces.begin(), view.pieces.end(), by_output)) {
    std::sort(view.pieces.begin(), view.pieces.end(), by_output);
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < view.pieces.size(); ++i) {
    if (kept > 0 && join(view.pieces[kept - 1], view.pieces[i])) {
      normalise_loops(view.pieces[kept - 1]);
      continue;
    }
    if (kept != i) view.pieces[kept] = std::move(view.pieces[i]);
    ++kept;
  }
  view.pieces.resize(kept);
}

bool is_identity(const View& view, std::uint32_t source) {
  return std::all_of(view.pieces.begin(), view.pieces.end(), [&](const Piece& piece) {
    return piece.source == source && !is_computed(piece) && piece.source_offset == piece.output_offset &&
           std::all_of(piece.loops.begin(), piece.loops.end(),
                       [](const Loop& loop) { return loop.source_stride == loop.output_stride; });
  });
}

namespace {

// Walks the loops of a piece from `depth` on; the innermost that stands still or goes on by one is a range.
struct RangeWalk {
  const Piece& piece;
  std::int64_t Loop::*stride;
  std::size_t limit;
  std::vector<ElementRange>& out;

  bool visit(std::size_t depth, std::int64_t at) {
    if (depth == piece.loops.size()) return add(at, 1);
    const Loop& loop = piece.loops[depth];
    if (depth + 1 == piece.loops.size() && loop.*stride == 1) return add(at, loop.extent);
    for (std::int64_t i = 0; i < loop.extent; ++i) {
      if (!visit(depth + 1, at + i * (loop.*stride))) return false;
    }
    return true;
  }

  bool add(std::int64_t begin, std::int64_t count) {
    if (out.size() >= limit) return false;
    out.push_back({begin, begin + count});
    return true;
  }
};

std::optional<std::vector<ElementRange>> ranges(const std::vector<Piece>& pieces, std::int64_t Piece::*offset,
                                                std::int64_t Loop::*stride, std::size_t limit) {
  std::vector<ElementRange> all;
  for (const auto& piece : pieces) {
    if (!RangeWalk{piece, stride, limit, all}.visit(0, piece.*offset)) return std::nullopt;
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.begin < b.begin; });
  std::vector<ElementRange> out;
  for (const auto& range : all) {
    if (!out.empty() && range.begin <= out.back().end) {
      out.back().end = std::max(out.back().end, range.end);
    } else {
      out.push_back(range);
    }
  }
  return out;
}

}  // namespace

std::optional<std::vector<ElementRange>> filled_by(const std::vector<Piece>& pieces, std::size_t limit) {
  return ranges(pieces, &Piece::output_offset, &Loop::output_stride, limit);
}

std::optional<std::vector<ElementRange>> read_by(const std::vector<Piece>& pieces, std::size_t limit) {
  return ranges(pieces, &Piece::source_offset, &Loop::source_stride, limit);
}

}  // namespace tenon
