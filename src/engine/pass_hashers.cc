#include "engine/pass_hashers.h"

#include <algorithm>

namespace tenon {

SourceHasher::SourceHasher(const std::vector<Region>& sources, SourceFiles& files, BlockDigests& digests)
    : sources_(sources), files_(files), digests_(digests) {}

void SourceHasher::feed(std::uint32_t source, std::uint64_t offset, std::span<const std::byte> bytes) {
  if (open_ && (source != source_ || offset != at_)) finish();
  while (!bytes.empty()) {
    if (!open_) {
      const std::uint64_t to_next_block = (kHashBlock - offset % kHashBlock) % kHashBlock;
      if (to_next_block >= bytes.size()) return;
      bytes = bytes.subspan(to_next_block);
      offset += to_next_block;
      source_ = source;
      at_ = offset;
      end_ = std::min(offset + kHashBlock, sources_[source].bytes);
      open_ = digests_.claim(source, offset / kHashBlock);
      if (open_) hash_.reset();
    }
    const std::uint64_t size = std::min<std::uint64_t>(bytes.size(), end_ - offset);
    if (open_) hash_.update(bytes.first(size));
    bytes = bytes.subspan(size);
    offset += size;
    at_ = offset;
    if (open_ && at_ == end_) finish();
  }
}

void SourceHasher::finish() {
  if (!open_) return;
  if (at_ < end_) {
    const Region& region = sources_[source_];
    const auto rest = files_.bytes(region.file).subspan(region.offset + at_, end_ - at_);
    files_.guarded(region.file, [&] { hash_.update(rest); });
    at_ = end_;
  }
  digests_.set(source_, (end_ - 1) / kHashBlock, hash_.digest());
  open_ = false;
}

OutputHasher::OutputHasher(const Transfer& transfer, BlockDigests& outputs, BlockDigests& sources)
    : transfer_(transfer), outputs_(outputs), sources_(sources) {}

void OutputHasher::feed(std::uint32_t output, std::uint64_t offset, std::span<const std::byte> bytes,
                        Share share) {
  const std::uint64_t total = transfer_.targets[output].region.bytes;
  while (!bytes.empty()) {
    const std::uint64_t block = offset / kHashBlock;
    const std::uint64_t end = std::min(total, (block + 1) * kHashBlock);
    if (offset == block * kHashBlock) {
      hash_.reset();
      same_ = share == Share::kCopies ? same_source_block(output, offset, end - offset) : std::nullopt;
      if (same_ && !sources_.claim(same_->first, same_->second)) same_.reset();
    }
    const std::uint64_t size = std::min<std::uint64_t>(bytes.size(), end - offset);
    hash_.update(bytes.first(size));
    bytes = bytes.subspan(size);
    offset += size;
    if (offset < end) continue;
    const Digest digest = hash_.digest();
    outputs_.set(output, block, digest);
    if (same_) sources_.set(same_->first, same_->second, digest);
  }
}

std::optional<OutputHasher::Block> OutputHasher::same_source_block(std::uint32_t output, std::uint64_t offset,
                                                                   std::uint64_t size) const {
  const Target& target = transfer_.targets[output];
  const auto [first, last] = pieces_within(target, offset, offset + size);
  if (last != first + 1) return std::nullopt;
  const BytePiece& piece = target.pieces[first];
  const Box& box = piece.box;
  if (!box.loops.empty() || box.target_offset > offset || end_of(box) < offset + size) return std::nullopt;
  const std::uint64_t begin = box.source_offset + (offset - box.target_offset);
  const std::uint64_t left = transfer_.sources[piece.source].bytes - begin;
  if (begin % kHashBlock != 0 || std::min(left, kHashBlock) != size) return std::nullopt;
  return Block{piece.source, begin / kHashBlock};
}

}  // namespace tenon
