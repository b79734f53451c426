#include "plan/view.h"

#include <algorithm>

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

// Joins `next` to `piece` where it goes on with the outermost loop.
bool join(Piece& piece, const Piece& next) {
  if (piece.source != next.source) return false;
  const std::size_t n = piece.loops.size();
  const std::int64_t source_step = next.source_offset - piece.source_offset;
  const std::int64_t output_step = next.output_offset - piece.output_offset;
  if (n == 0 && next.loops.empty() && source_step == 1 && output_step == 1) {
    piece.loops = {{2, 1, 1}};
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

std::int64_t element_count(const Piece& piece) {
  std::int64_t count = 1;
  for (const auto& loop : piece.loops) count *= loop.extent;
  return count;
}

void normalise(View& view) {
  for (auto& piece : view.pieces) normalise_loops(piece.loops);
  const auto by_output = [](const Piece& a, const Piece& b) { return a.output_offset < b.output_offset; };
  if (!std::is_sorted(view.pieces.begin(), view.pieces.end(), by_output)) {
    std::sort(view.pieces.begin(), view.pieces.end(), by_output);
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < view.pieces.size(); ++i) {
    if (kept > 0 && join(view.pieces[kept - 1], view.pieces[i])) {
      normalise_loops(view.pieces[kept - 1].loops);
      continue;
    }
    if (kept != i) view.pieces[kept] = std::move(view.pieces[i]);
    ++kept;
  }
  view.pieces.resize(kept);
}

bool is_identity(const View& view, std::uint32_t source) {
  return std::all_of(view.pieces.begin(), view.pieces.end(), [&](const Piece& piece) {
    return piece.source == source && piece.source_offset == piece.output_offset &&
           std::all_of(piece.loops.begin(), piece.loops.end(),
                       [](const Loop& loop) { return loop.source_stride == loop.output_stride; });
  });
}

}  // namespace tenon
