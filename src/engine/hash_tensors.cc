#include "engine/hash_tensors.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <memory>
#include <numeric>

#include "checkpoint/file.h"
#include "engine/block_digests.h"
#include "engine/hash.h"
#include "engine/pass_hashers.h"
#include "engine/schedule.h"
#include "engine/source_files.h"
#include "engine/stream.h"
#include "engine/workers.h"
#include "engine/written_files.h"

namespace tenon {
namespace {

std::vector<std::string> hash_xxh3(const std::vector<Region>& regions, SourceFiles& files, Workers& workers) {
  BlockDigests digests(regions);
  for (std::uint32_t i = 0; i < regions.size(); ++i) {
    if (regions[i].bytes == 0) digests.set(i, 0, StreamHash().digest());
  }
  const std::vector<Segment> segments = cut_into_blocks(regions, std::vector<bool>(regions.size(), true));
  workers.for_each(segments.size(), [&] {
    auto hasher = std::make_shared<SourceHasher>(regions, files, digests);
    return [&, hasher](std::size_t i) {
      const std::uint32_t tensor = segments[i].tensor;
      StreamedTensor source(files, regions[tensor]);
      stream(segments[i], workers.watch(), [&](std::uint64_t begin, std::uint64_t end) {
        source.read(begin, end,
                    [&](std::span<const std::byte> bytes) { hasher->feed(tensor, begin, bytes); });
        workers.advance(end - begin);
      });
    };
  });
  std::vector<std::string> hashes;
  for (std::uint32_t i = 0; i < regions.size(); ++i) hashes.push_back(digests.hash(i));
  return hashes;
}

// A tensor is one thread's work from end to end, so the largest go first.
std::vector<std::string> hash_sha256(const std::vector<Region>& regions, SourceFiles& files,
                                     Workers& workers) {
  std::vector<std::size_t> order(regions.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return regions[a].bytes > regions[b].bytes; });
  std::vector<std::string> hashes(regions.size());
  workers.for_each(regions.size(), [&] {
    return [&](std::size_t i) {
      const Region& region = regions[order[i]];
      hashes[order[i]] = sha256_of_range(files.descriptor(region.file), files.path(region.file),
                                         region.offset, region.bytes, workers.watch());
      workers.advance(region.bytes);
    };
  });
  return hashes;
}

}  // namespace

std::vector<TensorHash> hash_tensors(const Checkpoint& checkpoint, const EngineOptions& options,
                                     Observer& observer) {
  std::vector<Region> regions;
  for (const Tensor& tensor : checkpoint.tensors) regions.push_back(region_of(tensor));
  std::vector<TensorHash> hashes(regions.size());
  if (options.hash == HashKind::kNone) return hashes;
  allow_open_files(checkpoint.shards.size());
  SourceFiles files(checkpoint.shards);
  const std::uint64_t passes = options.hash == HashKind::kSha256 ? 2 : 1;
  Workers workers(options, total_bytes(regions) * passes, observer);
  const std::vector<std::string> xxh3 = hash_xxh3(regions, files, workers);
  for (std::size_t i = 0; i < hashes.size(); ++i) hashes[i].xxh3 = xxh3[i];
  if (options.hash == HashKind::kSha256) {
    const std::vector<std::string> sha256 = hash_sha256(regions, files, workers);
    for (std::size_t i = 0; i < hashes.size(); ++i) hashes[i].sha256 = sha256[i];
  }
  files.check_unchanged();
  return hashes;
}

std::vector<std::string> hash_files(const std::vector<ShardFile>& files, const EngineOptions& options,
                                    Observer& observer) {
  std::uint64_t total = 0;
  for (const ShardFile& file : files) total += file.size;
  Workers workers(options, total, observer);
  std::vector<std::string> hashes(files.size());
  workers.for_each(files.size(), [&] {
    return [&](std::size_t i) {
      hashes[i] = hash_file(files[i].path, workers.watch());
      workers.advance(files[i].size);
    };
  });
  return hashes;
}

std::string hash_file(const std::filesystem::path& path, const Observer& observer) {
  const FileDescriptor file = open_for_reading(path);
  return sha256_of_range(file.get(), path.native(), 0, std::filesystem::file_size(path), observer);
}

std::vector<FinishedShard> still_finished(const std::vector<FinishedShard>& shards, const Plan& plan,
                                          const std::filesystem::path& folder, const EngineOptions& options,
                                          Observer& observer) {
  Checkpoint written;
  std::vector<std::pair<std::size_t, std::size_t>> recorded;  // shard in `shards`, output
  std::vector<bool> holds(shards.size(), false);
  for (std::uint32_t shard = 0; shard < plan.shards.size(); ++shard) {
    const auto record = std::find_if(shards.begin(), shards.end(), [&](const FinishedShard& done) {
      return done.name == plan.shards[shard].name;
    });
    if (record == shards.end() || header_difference(plan.shards[shard], folder)) continue;
    const auto index = static_cast<std::size_t>(record - shards.begin());
    holds[index] = true;
    written.shards.push_back(examine(folder / record->name));
    for (std::size_t i = 0; i < plan.outputs.size(); ++i) {
      const PlannedTensor& output = plan.outputs[i];
      if (output.shard != shard) continue;
      const auto file = static_cast<std::uint32_t>(written.shards.size() - 1);
      written.tensors.push_back(
          {output.key, output.view.dtype, output.view.shape, file, output.offset, output.bytes});
      recorded.emplace_back(index, i);
    }
  }
  const std::vector<TensorHash> hashes = hash_tensors(written, options, observer);
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    const FinishedShard& shard = shards[recorded[i].first];
    const auto known = shard.outputs.find(plan.outputs[recorded[i].second].key);
    if (hashes[i].empty() || known == shard.outputs.end() || known->second != hashes[i])
      holds[recorded[i].first] = false;
  }
  std::vector<FinishedShard> finished;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    if (holds[i]) finished.push_back(shards[i]);
  }
  return finished;
}

}  // namespace tenon
