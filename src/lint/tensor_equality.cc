#include "lint/tensor_equality.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "engine/transfer.h"

namespace tenon {
namespace {

constexpr std::size_t kMostRanges = std::size_t{1} << 22;

// Walks the loops of a box; owns nothing, so that a signal handler may jump out of it.
bool same_bytes(const Box& box, std::size_t loop, const std::byte* source, const std::byte* target) {
  if (loop == box.loops.size()) return std::memcmp(source, target, box.run) == 0;
  const ByteLoop& l = box.loops[loop];
  for (std::uint64_t i = 0; i < l.extent; ++i) {
    if (!same_bytes(box, loop + 1, source + i * l.source_stride, target + i * l.target_stride)) return false;
  }
  return true;
}

}  // namespace

TensorEquality::TensorEquality(const Checkpoint& sources, const Checkpoint& targets)
    : sources_(sources), source_files_(sources.shards), target_files_(targets.shards) {
  allow_open_files(sources.shards.size() + targets.shards.size());
}

bool TensorEquality::operator()(const View& view, const Tensor& target, bool partly) {
  if (view.dtype != target.dtype || view.shape != target.shape) return false;
  const PlannedTensor planned{target.key, {view.dtype, view.shape, {}}, -1, 0, 0, target.bytes};
  for (const Piece& piece : copies_of(view)) {
    std::optional<Box> box;
    try {
      box = lower(piece, planned);
    } catch (const UserError&) {  // elements of less than a byte that do not move in whole bytes
      return false;
    }
    if (!box) continue;
    const Tensor& source = sources_.tensors[piece.source];
    const std::byte* const from =
        source_files_.bytes(source.shard).data() + source.offset + box->source_offset;
    const std::byte* const to = target_files_.bytes(target.shard).data() + target.offset + box->target_offset;
    bool same = false;
    source_files_.guarded(source.shard, [&] { same = same_bytes(*box, 0, from, to); });
    if (!same) return false;
  }
  return partly || is_zero_there(zeros_of(view), target);
}

bool TensorEquality::is_zero_there(const std::vector<Piece>& zeros, const Tensor& target) {
  if (zeros.empty()) return true;
  const auto ranges = filled_by(zeros, kMostRanges);
  if (!ranges || bits_of(target.dtype) < 8) return false;
  const std::int64_t size = bits_of(target.dtype) / 8;
  const std::byte* const bytes = target_files_.bytes(target.shard).data() + target.offset;
  bool zero = true;
  target_files_.guarded(target.shard, [&] {
    for (const auto& range : *ranges) {
      zero = zero && std::all_of(bytes + range.begin * size, bytes + range.end * size,
                                 [](std::byte b) { return b == std::byte{0}; });
    }
  });
  return zero;
}

}  // namespace tenon
