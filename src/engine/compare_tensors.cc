#include "engine/compare_tensors.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <memory>
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

std::string element_in(SourceFiles& files, const Tensor& tensor, std::uint64_t offset) {
  std::vector<std::byte> bytes(element_bytes(tensor.dtype));
  files.read(tensor.shard, tensor.offset + offset / bytes.size() * bytes.size(), bytes);
  return hex_of_element(bytes);
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
    const auto buffer_a = std::make_shared<std::vector<std::byte>>(kReadChunk);
    const auto buffer_b = std::make_shared<std::vector<std::byte>>(kReadChunk);
    return [&, buffer_a, buffer_b](std::size_t i) {
      const Segment& segment = segments[i];
      const Pair& pair = pairs[segment.tensor];
      for (std::uint64_t begin = segment.begin; begin < segment.end && begin < first[segment.tensor];) {
        workers.throw_if_stopped();
        const std::uint64_t size = std::min(kReadChunk, segment.end - begin);
        const auto part_a = std::span(*buffer_a).first(size);
        const auto part_b = std::span(*buffer_b).first(size);
        files_a.read(pair.a->shard, pair.a->offset + begin, part_a);
        files_b.read(pair.b->shard, pair.b->offset + begin, part_b);
        if (std::memcmp(part_a.data(), part_b.data(), size) != 0) {
          const auto at = std::mismatch(part_a.begin(), part_a.end(), part_b.begin()).first - part_a.begin();
          lower(first[segment.tensor], begin + static_cast<std::uint64_t>(at));
        }
        workers.advance(size);
        begin += size;
      }
    };
  });
  files_a.check_unchanged();
  files_b.check_unchanged();

  std::vector<ElementDifference> differences;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const std::uint64_t offset = first[i];
    if (offset == kEqual) continue;
    differences.push_back({pairs[i].a->key, element_at(pairs[i].a->dtype, offset),
                           element_in(files_a, *pairs[i].a, offset),
                           element_in(files_b, *pairs[i].b, offset)});
  }
  return differences;
}

}  // namespace tenon
