#include "engine/compare_tensors.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "engine/element.h"
#include "engine/schedule.h"
#include "engine/source_files.h"
#include "engine/stream.h"
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
void lower_to(std::atomic<std::uint64_t>& first, std::uint64_t offset) {
  std::uint64_t known = first;
  while (offset < known && !first.compare_exchange_weak(known, offset)) {
  }
}

}  // namespace

std::vector<ElementDifference> compare_tensors(const Checkpoint& a, const Checkpoint& b,
                                               const EngineOptions& options, Observer& observer) {
  const std::vector<Pair> pairs = comparable(a, b);
  std::vector<Region> regions;
  for (const Pair& pair : pairs) regions.push_back(region_of(*pair.a));
  const std::vector<Segment> segments = cut_into_blocks(regions, std::vector<bool>(regions.size(), true));
  std::vector<std::atomic<std::uint64_t>> first(pairs.size());  // differing byte of each pair
  for (auto& offset : first) offset = kEqual;

  allow_open_files(a.shards.size() + b.shards.size());
  SourceFiles files_a(a.shards);
  SourceFiles files_b(b.shards);
  Workers workers(options, total_bytes(regions), observer);
  workers.for_each(segments.size(), [&] {
    return [&](std::size_t i) {
      const Segment& segment = segments[i];
      std::atomic<std::uint64_t>& differs_at = first[segment.tensor];
      StreamedTensor a(files_a, region_of(*pairs[segment.tensor].a));
      StreamedTensor b(files_b, region_of(*pairs[segment.tensor].b));
      stream(segment, workers.watch(), [&](std::uint64_t begin, std::uint64_t end) {
        if (begin >= differs_at) return;
        std::uint64_t at = end - begin;
        a.read(begin, end, [&](std::span<const std::byte> bytes_a) {
          b.read(begin, end, [&](std::span<const std::byte> bytes_b) {
            at = first_difference(bytes_a.data(), bytes_b.data(), bytes_a.size());
          });
        });
        if (begin + at < end) lower_to(differs_at, begin + at);
        workers.advance(end - begin);
      });
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
