// A tensor of shape [a, b, c] is, along b, a row of blocks of b*c elements, each of them a row of blocks of c
// elements. A piece may walk over the borders of such blocks: the merged loop of a contiguous tensor runs
// over all of them. Before an operation can move blocks, every loop has to be one of two kinds:
//
//   inside    its steps stay within one block of the given size
//   outside   its stride is a multiple of the block: it steps from block to block
//
// A loop (extent e, stride s) that is neither is split. In the usual case the block is a multiple of s and
// the loop starts on a border: (e, s) becomes (e / q, block) around (q, s) with q = block / s. Where it
// starts inside a block or ends inside one, head and tail become pieces of their own. A stride that does not
// divide the block (which only reshapes across uneven dimensions make) is unrolled.
#include "tensor/split_piece.h"

#include <algorithm>

namespace tenon {
namespace {

bool steps_over(const Loop& loop, std::int64_t block) {
  return loop.output_stride % block == 0;
}

Piece with_loop(const Piece& piece, std::size_t at, std::int64_t first, std::int64_t count) {
  Piece out = piece;
  advance(out, at, first);
  out.loops[at].extent = count;
  if (count == 1) erase_loop(out, at);
  return out;
}

// The loop at `at` covers whole blocks from a border on: two loops, one from block to block and one inside.
Piece with_loop_in_two(const Piece& piece, std::size_t at, std::int64_t per_block) {
  const Loop loop = piece.loops[at];
  Piece out = piece;
  out.loops[at] = {loop.extent / per_block, loop.source_stride * per_block, loop.output_stride * per_block};
  out.loops.insert(out.loops.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                   {per_block, loop.source_stride, loop.output_stride});
  for (Operand& operand : out.more) {
    const std::int64_t stride = operand.strides[at];
    operand.strides[at] = stride * per_block;
    operand.strides.insert(operand.strides.begin() + static_cast<std::ptrdiff_t>(at) + 1, stride);
  }
  if (out.loops[at].extent == 1) erase_loop(out, at);
  return out;
}

}  // namespace

void split_at(const Piece& piece, std::int64_t block, std::vector<Piece>& out) {
  if (out.size() >= kMaxPieces) throw TooManyPieces{};
  const std::int64_t start = piece.output_offset % block;
  std::int64_t span = 0;  // of the inside loops together
  std::size_t widest = piece.loops.size();
  for (std::size_t i = 0; i < piece.loops.size(); ++i) {
    const Loop& loop = piece.loops[i];
    if (steps_over(loop, block)) continue;
    span += (loop.extent - 1) * loop.output_stride;
    if (widest == piece.loops.size() || loop.output_stride > piece.loops[widest].output_stride) widest = i;
  }
  if (start + span < block) {
    out.push_back(piece);
    return;
  }
  const Loop loop = piece.loops[widest];
  const std::int64_t per_block = block / loop.output_stride;
  if (block % loop.output_stride != 0) {
    for (std::int64_t i = 0; i < loop.extent; ++i) split_at(with_loop(piece, widest, i, 1), block, out);
    return;
  }
  const std::int64_t done = start / loop.output_stride;  // steps of the first block that lie before the piece
  const std::int64_t head = done == 0 ? 0 : std::min(loop.extent, per_block - done);
  const std::int64_t whole = (loop.extent - head) / per_block * per_block;
  const std::int64_t tail = loop.extent - head - whole;
  if (head == 0 && tail == 0 && whole > per_block) {
    split_at(with_loop_in_two(piece, widest, per_block), block, out);
    return;
  }
  if (head == loop.extent || whole == loop.extent || tail == loop.extent) {
    // The widest loop fits into one block, but together with the finer ones the piece does not: step by step.
    for (std::int64_t i = 0; i < loop.extent; ++i) split_at(with_loop(piece, widest, i, 1), block, out);
    return;
  }
  if (head > 0) split_at(with_loop(piece, widest, 0, head), block, out);
  if (whole > 0) split_at(with_loop(piece, widest, head, whole), block, out);
  if (tail > 0) split_at(with_loop(piece, widest, head + whole, tail), block, out);
}

}  // namespace tenon
