#include "engine/shard_sha256.h"

#include <oneapi/tbb/task_arena.h>

#include <functional>
#include <set>

#include "engine/hash_tensors.h"
#include "engine/parallel_loop.h"

namespace tenon {

ShardSha256::ShardSha256(const Plan& plan, const Transfer& transfer, const EngineOptions& options,
                         HashRecords& records)
    : plan_(plan),
      transfer_(transfer),
      wanted_(options.hash == HashKind::kSha256),
      edit_(options.edit),
      records_(records),
      claimed_(transfer.sources.size()) {
  for (std::uint32_t i = 0; i < claimed_.size(); ++i) claimed_[i] = records.has_sha256(i);
}

bool ShardSha256::copies_whole(std::uint32_t output) const {
  const Target& target = transfer_.targets[output];
  if (target.pieces.size() != 1 || (edit_ != nullptr && edit_->edits(output))) return false;
  const BytePiece& piece = target.pieces.front();
  const std::uint64_t bytes = transfer_.sources[piece.source].bytes;
  return piece.box.loops.empty() && piece.box.run == bytes && target.region.bytes == bytes;
}

// A tensor that is copied as it is gets its hash from the source, so that it says what should stand in the
// output.
void ShardSha256::hash_shard(std::uint32_t shard, SourceFiles& sources, const OutputFiles& outputs,
                             const Observer& observer) {
  if (!wanted_) return;
  const OutputFile& file = outputs.file(shard);
  const auto hash_of_output = [&](std::uint64_t offset, std::uint64_t bytes) {
    return sha256_of_range(file.descriptor(), file.path().native(), offset, bytes, observer);
  };
  std::vector<std::function<void()>> jobs;
  std::string whole_file;
  jobs.emplace_back([&] { whole_file = hash_of_output(0, plan_.shards[shard].size); });
  std::set<std::uint32_t> own;
  for (const std::uint32_t i : records_.sources_for(shard)) {
    if (claimed_[i].exchange(true)) continue;
    own.insert(i);
    jobs.emplace_back([&, i] {
      const Region& region = transfer_.sources[i];
      records_.set_source_sha256(
          i, sha256_of_range(sources.descriptor(region.file), sources.path(region.file), region.offset,
                             region.bytes, observer));
    });
  }
  std::vector<std::pair<std::uint32_t, std::uint32_t>> same;  // output, source
  for (const std::uint32_t i : records_.outputs_in(shard)) {
    const Target& target = transfer_.targets[i];
    if (copies_whole(i) && own.contains(target.pieces.front().source)) {
      same.emplace_back(i, target.pieces.front().source);
      continue;
    }
    jobs.emplace_back([&, i] {
      const Region& region = transfer_.targets[i].region;
      records_.set_output_sha256(i, hash_of_output(region.offset, region.bytes));
    });
  }
  // Isolated, so that a thread that waits here takes no other shard's work in the meantime.
  oneapi::tbb::this_task_arena::isolate(
      [&] { parallel_loop(jobs.size(), [&](std::size_t i) { jobs[i](); }); });
  for (const auto& [output, source] : same) records_.set_output_sha256(output, records_.sha256_of(source));
  const std::lock_guard lock(recording_);
  shard_hashes_[plan_.shards[shard].name] = whole_file;
}

void ShardSha256::hash_finished_shard(std::uint32_t shard, const std::filesystem::path& folder,
                                      const Observer& observer) {
  if (!wanted_) return;
  const std::string& name = plan_.shards[shard].name;
  shard_hashes_[name] = hash_file(folder / name, observer);
}

}  // namespace tenon
