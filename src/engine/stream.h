// The loop that reads tensors from end to end, whatever is done with their bytes: in chunks small enough to
// stay in a cache and to stop between.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "base/observer.h"
#include "engine/chunks.h"
#include "engine/schedule.h"
#include "engine/source_files.h"
#include "engine/transfer.h"

namespace tenon {

/// Calls `use(begin, end)` for one chunk of the segment after the other. Where a chunk ends is said by
/// `end_of(begin, limit)`. Throws Interrupted between two of them.
template <typename EndOf, typename Use>
void stream(const Segment& segment, const Observer& observer, const EndOf& end_of, const Use& use) {
  for (std::uint64_t begin = segment.begin; begin < segment.end;) {
    observer.throw_if_stopped();
    const std::uint64_t end = end_of(begin, segment.end);
    use(begin, end);
    begin = end;
  }
}

/// The same in chunks of kChunk.
template <typename Use>
void stream(const Segment& segment, const Observer& observer, const Use& use) {
  stream(
      segment, observer,
      [](std::uint64_t begin, std::uint64_t limit) { return std::min(begin + kChunk, limit); }, use);
}

/// A tensor in a mapped file, read once from end to end: each chunk is brought into the mapping at once, and
/// taken out of it again so that the memory in use stays small.
class StreamedTensor {
 public:
  StreamedTensor(SourceFiles& files, const Region& region) : files_(files), region_(region) {}

  /// Hands bytes begin..end of the tensor to `use`, which owns nothing while it reads them
  /// (SourceFiles::guarded).
  template <typename Use>
  void read(std::uint64_t begin, std::uint64_t end, const Use& use) {
    const std::uint64_t at = region_.offset + begin;
    const std::span<const std::byte> bytes = files_.bytes(region_.file).subspan(at, end - begin);
    files_.fetch(region_.file, at, end - begin);
    files_.guarded(region_.file, [&] { use(bytes); });
    files_.release(region_.file, at, end - begin);
  }

 private:
  SourceFiles& files_;
  Region region_;
};

}  // namespace tenon
