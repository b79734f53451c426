#include "engine/chunks.h"

#include <algorithm>

#include "engine/computed.h"

namespace tenon {
namespace {

constexpr std::uint64_t kLine = 64;                    // bytes of a cache line
constexpr std::uint64_t kScattered = 1 << 20;          // a chunk of scattered elements: fits the second cache
constexpr std::uint64_t kComputed = 2 << 20;           // the same where elements are computed
constexpr std::uint64_t kWorthGoingAlone = 128 << 10;  // smaller tensors are written with their neighbours

const BytePiece* piece_at(const Target& target, std::uint64_t offset) {
  const auto [first, last] = pieces_within(target, offset, offset + 1);
  for (std::size_t i = first; i < last; ++i) {
    bool holds = false;
    clip(target.pieces[i].box, offset, offset + 1, [&](const Box&) { holds = true; });
    if (holds) return &target.pieces[i];
  }
  return nullptr;
}

// Along the loop with the smallest source stride, neighbours in the source are far apart in the target. A
// chunk takes in as many of them as it has room for, whole lines at best, and ends at multiples of this after
// the piece's first byte.
std::uint64_t chunk_grid(const Box& box, std::uint64_t room) {
  const auto across = std::min_element(
      box.loops.begin(), box.loops.end(),
      [](const ByteLoop& a, const ByteLoop& b) { return a.source_stride < b.source_stride; });
  const std::uint64_t step = across->target_stride;
  const std::uint64_t whole = across->extent * step;
  if (whole <= kScattered) return kScattered / whole * whole;
  const std::uint64_t line = std::max<std::uint64_t>(1, kLine / across->source_stride);
  if (line * step <= kScattered) return kScattered / (line * step) * (line * step);
  return std::clamp<std::uint64_t>(room / step, 1, line) * step;
}

std::uint64_t source_size(const Box& box) {
  std::uint64_t size = box.run;
  for (const ByteLoop& loop : box.loops) size += (loop.extent - 1) * loop.source_stride;
  return size;
}

}  // namespace

std::optional<SourceRun> direct_run(const Transfer& transfer, const Target& target, std::uint64_t begin,
                                    std::uint64_t end) {
  const BytePiece* piece = piece_at(target, begin);
  if (piece == nullptr || !piece->box.loops.empty()) return std::nullopt;
  const std::uint64_t inside = begin - piece->box.target_offset;
  const SourceRun run{piece->source, piece->box.source_offset + inside,
                      std::min({piece->box.run - inside, end - begin, kChunk})};
  const std::uint64_t from = transfer.sources[run.source].offset + run.offset;
  const bool aligned_alike = from % kLine == (target.region.offset + begin) % kLine;
  return aligned_alike && run.size >= kWorthGoingAlone ? std::optional(run) : std::nullopt;
}

std::uint64_t chunk_end(const Target& target, std::uint64_t begin, std::uint64_t end, std::uint64_t room) {
  const BytePiece* piece = piece_at(target, begin);
  if (piece == nullptr && is_scattered(target, begin))
    return std::min(end, begin + std::min(room, kComputed) / kLine * kLine);
  if (piece == nullptr || piece->box.loops.empty() || piece->box.run >= kLine)
    return std::min(end, begin + kChunk);
  const std::uint64_t grid = chunk_grid(piece->box, room);
  const std::uint64_t wanted = grid - (begin - piece->box.target_offset) % grid;
  return std::min(end, begin + std::min(wanted, room));
}

void gather(const Transfer& transfer, const Target& target, std::uint64_t begin, std::span<std::byte> out,
            SourceFiles& files, const UseRun& use_run) {
  const std::uint64_t end = begin + out.size();
  const auto [first, last] = pieces_within(target, begin, end);
  if (target.rest == Target::Rest::kZeros) std::fill(out.begin(), out.end(), std::byte{0});
  for (std::size_t i = first; i < last; ++i) {
    const BytePiece& piece = target.pieces[i];
    const Region& source = transfer.sources[piece.source];
    const std::byte* from = files.bytes(source.file).data() + source.offset;
    clip(piece.box, begin, end, [&](const Box& part) {
      std::byte* to = out.data() + (part.target_offset - begin);
      files.guarded(source.file, [&] { copy_box(part, from + part.source_offset, to); });
      if (piece.box.loops.empty() && use_run)
        use_run({piece.source, part.source_offset, part.run}, {to, part.run});
    });
  }
}

void fetch_sources(const Transfer& transfer, const Target& target, std::uint64_t begin, std::uint64_t end,
                   SourceFiles& files) {
  const auto [first, last] = pieces_within(target, begin, end);
  for (std::size_t i = first; i < last; ++i) {
    const Region& source = transfer.sources[target.pieces[i].source];
    clip(target.pieces[i].box, begin, end, [&](const Box& part) {
      files.fetch_once(source.file, source.offset + part.source_offset, source_size(part));
    });
  }
}

void fetch_operands(const Transfer& transfer, const Target& target, const std::vector<Recipe>& recipes,
                    std::uint64_t begin, std::uint64_t end, SourceFiles& files) {
  const auto [first, last] = computed_within(target, begin, end);
  for (std::size_t i = first; i < last; ++i) {
    clip(target.computed[i], begin, end, [&](const ComputedPiece& part) {
      for (std::size_t k = 0; k < part.operands.size(); ++k) {
        const Region& source = transfer.sources[part.operands[k].source];
        const ByteSpan span = span_read(part, k, recipes[part.recipe - 1]);
        files.fetch_once(source.file, source.offset + span.begin, span.size);
      }
    });
  }
}

void release_sources(const Transfer& transfer, const Target& target, std::uint64_t begin, std::uint64_t end,
                     SourceFiles& files) {
  const auto [first, last] = pieces_within(target, begin, end);
  for (std::size_t i = first; i < last; ++i) {
    const BytePiece& piece = target.pieces[i];
    if (!piece.box.loops.empty()) continue;
    const Region& source = transfer.sources[piece.source];
    clip(piece.box, begin, end,
         [&](const Box& part) { files.release(source.file, source.offset + part.source_offset, part.run); });
  }
}

}  // namespace tenon
