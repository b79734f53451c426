#include "engine/hash_book.h"

#include <oneapi/tbb/task_arena.h>

#include <algorithm>
#include <functional>

#include "engine/hash_tensors.h"
#include "engine/parallel_loop.h"

namespace tenon {
namespace {

bool copies_whole(const Target& target, const Region& source) {
  return target.pieces.size() == 1 && target.pieces.front().box.loops.empty() &&
         target.pieces.front().box.run == source.bytes && target.region.bytes == source.bytes;
}

}  // namespace

HashBook::HashBook(const Plan& plan, const Checkpoint& source, const Transfer& transfer,
                   const EngineOptions& options)
    : plan_(plan),
      source_(source),
      transfer_(transfer),
      kind_(options.hash),
      outputs_of_(plan.shards.size()),
      source_digests_(transfer.sources),
      output_digests_(regions_of(transfer.targets)),
      source_hashes_(source.tensors.size()),
      output_hashes_(plan.outputs.size()),
      claimed_(source.tensors.size()),
      hashed_(source.tensors.size()) {
  for (std::uint32_t i = 0; i < plan.outputs.size(); ++i) outputs_of_[plan.outputs[i].shard].push_back(i);
  find_sources_read();
  for (const FinishedShard& shard : options.finished) take_over(shard);
  const Digest empty = StreamHash().digest();
  for (std::uint32_t i = 0; i < transfer.sources.size(); ++i) {
    if (transfer.sources[i].bytes > 0 || !source_digests_.claim(i, 0)) continue;
    source_digests_.set(i, 0, empty);
    if (kind_ == HashKind::kSha256) source_hashes_[i].sha256 = sha256_of_range(-1, "", 0, 0);
    hashed_[i] = true;
  }
  for (std::uint32_t i = 0; i < transfer.targets.size(); ++i) {
    if (transfer.targets[i].region.bytes == 0) output_digests_.set(i, 0, empty);
  }
}

void HashBook::find_sources_read() {
  source_read_.resize(source_.tensors.size());
  for (const Target& target : transfer_.targets) {
    for (const BytePiece& piece : target.pieces) source_read_[piece.source] = true;
  }
  for (std::size_t i = 0; i < source_.tensors.size(); ++i) {
    const bool dropped = i < plan_.fates.size() && plan_.fates[i].kind == SourceFate::Kind::kDropped;
    if (source_.tensors[i].bytes == 0 && !dropped) source_read_[i] = true;
  }
}

void HashBook::take_over(const FinishedShard& shard) {
  for (std::uint32_t i = 0; i < plan_.outputs.size(); ++i) {
    const auto known = shard.outputs.find(plan_.outputs[i].key);
    if (known != shard.outputs.end()) output_hashes_[i] = known->second;
  }
  for (std::uint32_t i = 0; i < source_.tensors.size(); ++i) {
    const auto known = shard.sources.find(source_.tensors[i].key);
    if (known == shard.sources.end() || known->second.empty()) continue;
    source_hashes_[i] = known->second;
    claimed_[i] = !known->second.sha256.empty();
    hashed_[i] = !known->second.sha256.empty();
    if (known->second.xxh3.empty()) continue;  // the shard was finished before all blocks of this tensor were
    for (std::uint64_t block = 0; block < hash_blocks(source_.tensors[i].bytes); ++block)
      source_digests_.claim(i, block);
  }
}

void HashBook::schedule(Schedule& schedule, const std::vector<bool>& wanted) const {
  if (!while_passing()) return;
  std::vector<std::vector<bool>> passes(source_.tensors.size());
  for (std::size_t i = 0; i < passes.size(); ++i) passes[i].resize(hash_blocks(source_.tensors[i].bytes));
  for (const Target& target : transfer_.targets) {
    if (!wanted[target.region.file]) continue;
    for (const BytePiece& piece : target.pieces) {
      if (!piece.box.loops.empty()) continue;
      const std::uint64_t begin = piece.box.source_offset;
      for (std::uint64_t block = (begin + kHashBlock - 1) / kHashBlock;
           block * kHashBlock < begin + piece.box.run; ++block) {
        passes[piece.source][block] = true;
      }
    }
  }
  std::vector<std::vector<std::uint64_t>> blocks(source_.tensors.size());
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (!source_read_[i] || !source_hashes_[i].xxh3.empty() || source_.tensors[i].bytes == 0) continue;
    for (std::uint64_t block = 0; block < passes[i].size(); ++block) {
      if (!passes[i][block]) blocks[i].push_back(block);
    }
  }
  schedule_hash(schedule, transfer_.sources, blocks);
}

std::vector<std::uint32_t> HashBook::sources_for(std::uint32_t shard) const {
  std::vector<std::uint32_t> sources;
  for (const std::uint32_t output : outputs_of_[shard]) {
    for (const BytePiece& piece : transfer_.targets[output].pieces) sources.push_back(piece.source);
  }
  std::sort(sources.begin(), sources.end());
  sources.erase(std::unique(sources.begin(), sources.end()), sources.end());
  return sources;
}

// A tensor that is copied as it is gets its hash from the source, so that it says what should stand in the
// output.
void HashBook::hash_shard(std::uint32_t shard, SourceFiles& sources, const OutputFiles& outputs,
                          const std::function<void()>& between) {
  if (kind_ != HashKind::kSha256) return;
  const OutputFile& file = outputs.file(shard);
  std::vector<std::function<void()>> jobs;
  std::string whole_file;
  jobs.push_back([&] {
    whole_file =
        sha256_of_range(file.descriptor(), file.path().native(), 0, plan_.shards[shard].size, between);
  });
  std::vector<bool> own(source_.tensors.size());
  for (const std::uint32_t i : sources_for(shard)) {
    if (claimed_[i].exchange(true)) continue;
    own[i] = true;
    jobs.push_back([&, i] {
      const Region& region = transfer_.sources[i];
      source_hashes_[i].sha256 = sha256_of_range(sources.descriptor(region.file), sources.path(region.file),
                                                 region.offset, region.bytes, between);
      hashed_[i] = true;
    });
  }
  std::vector<std::pair<std::uint32_t, std::uint32_t>> same;  // output, source
  for (const std::uint32_t i : outputs_of_[shard]) {
    const Target& target = transfer_.targets[i];
    if (target.pieces.size() == 1 && own[target.pieces.front().source] &&
        copies_whole(target, transfer_.sources[target.pieces.front().source])) {
      same.emplace_back(i, target.pieces.front().source);
      continue;
    }
    jobs.push_back([&, i] {
      const Region& region = transfer_.targets[i].region;
      output_hashes_[i].sha256 =
          sha256_of_range(file.descriptor(), file.path().native(), region.offset, region.bytes, between);
    });
  }
  // Isolated, so that a thread that waits here takes no other shard's work in the meantime.
  oneapi::tbb::this_task_arena::isolate(
      [&] { parallel_loop(jobs.size(), [&](std::size_t i) { jobs[i](); }); });
  for (const auto& [output, source] : same) output_hashes_[output].sha256 = source_hashes_[source].sha256;
  const std::lock_guard lock(recording_);
  shard_hashes_[plan_.shards[shard].name] = whole_file;
}

void HashBook::hash_finished_shard(std::uint32_t shard, const std::filesystem::path& folder,
                                   const std::function<void()>& between) {
  if (kind_ != HashKind::kSha256) return;
  const std::string& name = plan_.shards[shard].name;
  shard_hashes_[name] = hash_file(folder / name, between);
}

TensorHash HashBook::output_hash(std::uint32_t output) const {
  TensorHash hash = output_hashes_[output];
  if (hash.xxh3.empty() && while_passing() && output_digests_.complete(output))
    hash.xxh3 = output_digests_.hash(output);
  return hash;
}

// Another thread may be about to store the SHA-256.
TensorHash HashBook::source_hash(std::uint32_t source) const {
  if (!source_read_[source]) return {};
  TensorHash hash;
  hash.xxh3 = source_hashes_[source].xxh3;
  if (hash.xxh3.empty() && while_passing() && source_digests_.complete(source))
    hash.xxh3 = source_digests_.hash(source);
  if (hashed_[source]) hash.sha256 = source_hashes_[source].sha256;
  return hash;
}

FinishedShard HashBook::finished(std::uint32_t shard) const {
  FinishedShard finished;
  finished.name = plan_.shards[shard].name;
  for (const std::uint32_t i : outputs_of_[shard]) finished.outputs[plan_.outputs[i].key] = output_hash(i);
  for (const std::uint32_t i : sources_for(shard)) {
    const TensorHash hash = source_hash(i);
    if (!hash.empty()) finished.sources[source_.tensors[i].key] = hash;
  }
  return finished;
}

void HashBook::report(EngineResult& result) const {
  for (std::uint32_t i = 0; i < source_.tensors.size(); ++i) result.source_hashes.push_back(source_hash(i));
  for (std::uint32_t i = 0; i < plan_.outputs.size(); ++i) result.output_hashes.push_back(output_hash(i));
  result.shard_hashes = shard_hashes_;
}

}  // namespace tenon
