#include "engine/filler.h"

#include <algorithm>

namespace tenon {
namespace {

constexpr std::uint64_t kLine = 64;                // bytes of a cache line
constexpr std::uint64_t kWorthReading = 64 << 10;  // shorter runs are cheaper to copy out of a mapping

const BytePiece* piece_at(const Target& target, std::uint64_t offset) {
  const auto [first, last] = pieces_within(target, offset, offset + 1);
  for (std::size_t i = first; i < last; ++i) {
    bool holds = false;
    clip(target.pieces[i].box, offset, offset + 1, [&](const Box&) { holds = true; });
    if (holds) return &target.pieces[i];
  }
  return nullptr;
}

// Chunks end at multiples of this after the piece's first byte. Along the loop with the smallest source
// stride neighbours in the source are far apart in the target; a chunk takes as many of them as it has room
// for, whole lines at best.
std::uint64_t chunk_grid(const Box& box) {
  const auto across = std::min_element(
      box.loops.begin(), box.loops.end(),
      [](const ByteLoop& a, const ByteLoop& b) { return a.source_stride < b.source_stride; });
  const std::uint64_t whole = across->extent * across->target_stride;
  if (whole <= kGatherChunk) return kGatherChunk / whole * whole;
  const std::uint64_t fit = kGatherChunk / across->target_stride;
  const std::uint64_t per_line = std::max<std::uint64_t>(1, kLine / across->source_stride);
  return (fit > per_line ? fit / per_line * per_line : fit) * across->target_stride;
}

void read_runs(const Box& box, std::size_t depth, std::uint64_t source, std::byte* target,
               const Region& region, SourceFiles& files) {
  if (depth == box.loops.size()) return files.read(region.file, region.offset + source, {target, box.run});
  const ByteLoop& loop = box.loops[depth];
  for (std::uint64_t i = 0; i < loop.extent; ++i) {
    read_runs(box, depth + 1, source + i * loop.source_stride, target + i * loop.target_stride, region,
              files);
  }
}

}  // namespace

std::uint64_t chunk_end(const Target& target, std::uint64_t begin, std::uint64_t end) {
  const BytePiece* piece = piece_at(target, begin);
  if (piece == nullptr || piece->box.loops.empty() || piece->box.run >= kLine)
    return std::min(end, begin + kReadChunk);
  const std::uint64_t grid = chunk_grid(piece->box);
  const std::uint64_t inside = begin - piece->box.target_offset;
  const std::uint64_t wanted = grid == 0 ? kGatherChunk : grid - inside % grid;
  return std::min(end, begin + wanted);
}

void fill(const Transfer& transfer, const Target& target, std::uint64_t begin, std::span<std::byte> out,
          SourceFiles& files, const UseRun& use_run) {
  const std::uint64_t end = begin + out.size();
  const auto [first, last] = pieces_within(target, begin, end);
  for (std::size_t i = first; i < last; ++i) {
    const BytePiece& piece = target.pieces[i];
    const Region& source = transfer.sources[piece.source];
    clip(piece.box, begin, end, [&](const Box& part) {
      if (part.run >= kWorthReading || part.loops.empty()) {
        read_runs(part, 0, part.source_offset, out.data() + (part.target_offset - begin), source, files);
        if (piece.box.loops.empty() && use_run) {
          use_run(piece.source, part.source_offset, out.subspan(part.target_offset - begin, part.run));
        }
        return;
      }
      std::byte* to = out.data() + (part.target_offset - begin);
      files.with_mapping(source.file, [&](const std::byte* file) {
        copy_box(part, file + source.offset + part.source_offset, to);
      });
    });
  }
}

}  // namespace tenon
