#include "engine/compare_tensors.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "engine/element.h"
#include "engine/filler.h"
#include "engine/schedule.h"
#include "engine/source_files.h"
#include "engine/workers.h"

namespace tenon {
namespace {

constexpr std::uint64_t kEqual = std::numeric_limits<std::uint64_t>::max();

struct Pair {
  const Tensor* a;
  const Tensor* b;
};

std::vector<Pair> comparable(const Checkpoint& a, const Checkpoint& b) {
  std::unordered_map<std::string_view, const Tensor*> others;
  for (const Tensor& tensor : b.tensors) others.emplace(tensor.key, &tensor);
  std::vector<Pair> pairs;
  for (const Tensor& tensor : a.tensors) {
    const auto other = others.find(tensor.key);
    if (other == others.end()) continue;
    const bool alike = other->second->dtype == tensor.dtype && other->second->shape == tensor.shape;
    if (alike) pairs.push_back({&tensor, other->second});
  }
  return pairs;
}

// Lowers `first` to `offset`, unless another thread got below it.
void lower(std::atomic<std::uint64_t>& first, std::uint64_t offset) {
  std::uint64_t known = first;
  while (offset < known && !first.compare_exchange_weak(known, offset)) {
  }
}

}  // namespace

std::vector<ElementDifference> compare_tensors(const Checkpoint& a, const Checkpoint& b,
                                               const EngineOptions& options) {
  const std::vector<Pair> pairs = comparable(a, b);
  std::vector<Region> regions;
  for (const Pair& pair : pairs) regions.push_back({pair.a->shard, pair.a->offset, pair.a->bytes});
  const std::vector<Segment> segments = cut_into_blocks(regions, std::vector<bool>(regions.size(), true));
  std::vector<std::atomic<std::uint64_t>> first(pairs.size());  // differing byte of each pair
  for (auto& offset : first) offset = kEqual;

  allow_open_files(a.shards.size() + b.shards.size());
  SourceFiles files_a(a.shards);
  SourceFiles files_b(b.shards);
  Workers workers(options);
  workers.for_each(segments.size(), [&] {
    return [&](std::size_t i) {
      const Segment& segment = segments[i];
      const Tensor& a = *pairs[segment.tensor].a;
      const Tensor& b = *pairs[segment.tensor].b;
      const std::byte* bytes_a = files_a.bytes(a.shard).data() + a.offset;
      const std::byte* bytes_b = files_b.bytes(b.shard).data() + b.offset;
      for (std::uint64_t begin = segment.begin; begin < segment.end && begin < first[segment.tensor];) {
        workers.throw_if_stopped();
        const std::uint64_t size = std::min(kChunk, segment.end - begin);
        files_a.fetch(a.shard, a.offset + begin, size);
        files_b.fetch(b.shard, b.offset + begin, size);
        std::uint64_t at = size;
        files_a.guarded(a.shard, [&] {
          files_b.guarded(b.shard, [&] { at = first_difference(bytes_a + begin, bytes_b + begin, size); });
        });
        if (at < size) lower(first[segment.tensor], begin + at);
        files_a.release(a.shard, a.offset + begin, size);
        files_b.release(b.shard, b.offset + begin, size);
        workers.advance(size);
        begin += size;
      }
    };
  });

  std::vector<ElementDifference> differences;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const std::uint64_t offset = first[i];
    if (offset == kEqual) continue;
    const Tensor& tensor = *pairs[i].a;
    differences.push_back({tensor.key, element_at(tensor.dtype, offset),
                           hex_of_element(files_a, tensor, offset),
                           hex_of_element(files_b, *pairs[i].b, offset)});
  }
  files_a.check_unchanged();
  files_b.check_unchanged();
  return differences;
}

}  // namespace tenon
