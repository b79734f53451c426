#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include "engine/blocks_to_hash.h"
#include "engine/chunks.h"
#include "engine/computed.h"
#include "engine/engine.h"
#include "engine/hash_records.h"
#include "engine/output_files.h"
#include "engine/pass_hashers.h"
#include "engine/schedule.h"
#include "engine/shard_sha256.h"
#include "engine/source_files.h"
#include "engine/stream.h"
#include "engine/transfer.h"
#include "engine/workers.h"

namespace tenon {
namespace {

std::vector<bool> shards_to_write(const Plan& plan, const std::vector<FinishedShard>& finished) {
  std::vector<bool> wanted;
  for (const PlannedShard& shard : plan.shards) {
    wanted.push_back(std::none_of(finished.begin(), finished.end(),
                                  [&](const FinishedShard& done) { return done.name == shard.name; }));
  }
  return wanted;
}

// One run of execute(). What a thread needs for itself is in Worker, all else is shared.
class Execution {
 public:
  Execution(const Plan& plan, const Checkpoint& source, const std::filesystem::path& folder,
            const EngineOptions& options, Observer& observer);
  EngineResult run();

 private:
  struct Worker {
    explicit Worker(Execution& execution);
    ChunkBuffer buffer;
    std::uint64_t filled = 0;
    std::uint64_t position = 0;  // of the buffer's first byte in the shard
    std::vector<std::pair<SourceRun, std::span<const std::byte>>> runs;  // what gather() copied as it was
    SourceHasher source_hasher;
    OutputHasher output_hasher;
    Computer computer;
  };

  void work();
  void run_task(const Task& task, Worker& worker);
  void fill_segment(const Segment& segment, std::uint32_t shard, Worker& worker);
  void pass_on(std::uint32_t output, std::uint64_t begin, const SourceRun& run, Worker& worker);
  void gather_chunk(std::uint32_t output, std::uint64_t begin, std::uint64_t end, Worker& worker);
  bool is_edited(std::uint32_t output) const {
    return options_.edit != nullptr && options_.edit->edits(output);
  }
  void flush(std::uint32_t shard, Worker& worker);
  void hash_segment(const Segment& segment, Worker& worker);
  void finish_shard(std::uint32_t shard);

  const Plan& plan_;
  const Checkpoint& source_;
  const EngineOptions& options_;
  const std::filesystem::path& folder_;
  const std::uint64_t room_;        // bytes of a thread's buffer
  const std::vector<bool> wanted_;  // by shard: not finished by an earlier run
  const Transfer transfer_;
  SourceFiles files_;
  OutputFiles outputs_;
  HashRecords hashes_;
  ShardSha256 sha256_;
  Schedule schedule_;
  TaskQueue queue_;
  Workers workers_;
  std::mutex reporting_;
};

Execution::Worker::Worker(Execution& execution)
    : buffer(execution.room_),
      source_hasher(execution.transfer_.sources, execution.files_, execution.hashes_.sources()),
      output_hasher(execution.transfer_, execution.hashes_.outputs(), execution.hashes_.sources()),
      computer(execution.plan_.recipes, execution.transfer_.sources, execution.files_) {}

Schedule make_schedule(const Transfer& transfer, const std::vector<bool>& wanted, const HashRecords& hashes,
                       int threads) {
  Schedule schedule = schedule_fill(transfer, wanted, threads);
  if (hashes.while_passing())
    schedule_hash(schedule, transfer.sources, blocks_that_do_not_pass(transfer, wanted, hashes));
  return schedule;
}

std::uint64_t bytes_to_write(const Transfer& transfer, const std::vector<bool>& wanted) {
  std::uint64_t bytes = 0;
  for (const Target& target : transfer.targets) bytes += wanted[target.region.file] ? target.region.bytes : 0;
  return bytes;
}

Execution::Execution(const Plan& plan, const Checkpoint& source, const std::filesystem::path& folder,
                     const EngineOptions& options, Observer& observer)
    : plan_(plan),
      source_(source),
      options_(options),
      folder_(folder),
      room_(buffer_size(thread_count(options))),
      wanted_(shards_to_write(plan, options.finished)),
      transfer_(make_transfer(plan, source)),
      files_(source.shards),
      outputs_(plan.shards, wanted_, folder),
      hashes_(plan, source, transfer_, options),
      sha256_(plan, transfer_, options, hashes_),
      schedule_(make_schedule(transfer_, wanted_, hashes_, thread_count(options))),
      queue_(schedule_, thread_count(options)),
      workers_(options, bytes_to_write(transfer_, wanted_), observer) {}

EngineResult Execution::run() {
  for (std::uint32_t shard = 0; shard < wanted_.size(); ++shard) {
    if (!wanted_[shard]) sha256_.hash_finished_shard(shard, folder_, workers_.watch());
    if (wanted_[shard] && schedule_.lanes[shard].tasks.empty()) finish_shard(shard);
  }
  workers_.run([&] { work(); });
  workers_.finish();
  files_.check_unchanged();
  EngineResult result;
  hashes_.report(result);
  result.shard_hashes = sha256_.take_shard_hashes();
  result.bytes_written = workers_.bytes_done();
  result.space_reserved = outputs_.reserved();
  return result;
}

void Execution::work() {
  Worker worker(*this);
  while (!workers_.stopped()) {
    const auto index = queue_.take();
    if (!index) return;
    const Task& task = schedule_.tasks[*index];
    workers_.attempt(*index, [&] {
      run_task(task, worker);
      if (queue_.done(*index) && task.kind == Task::Kind::kFill) finish_shard(task.lane);
    });
  }
}

void Execution::run_task(const Task& task, Worker& worker) {
  if (task.kind == Task::Kind::kHash) {
    for (const Segment& segment : task.segments) hash_segment(segment, worker);
    return;
  }
  for (const Segment& segment : task.segments) fill_segment(segment, task.lane, worker);
  flush(task.lane, worker);
  worker.source_hasher.finish();
  const Segment& first = task.segments.front();
  if (options_.sync) {
    outputs_.start_writeback(task.lane, transfer_.targets[first.tensor].region.offset + first.begin,
                             task.bytes);
  }
}

// What stands side by side in the source is written out of its mapping. All else is gathered in the buffer:
// small tensors together, larger ones chunk by chunk.
void Execution::fill_segment(const Segment& segment, std::uint32_t shard, Worker& worker) {
  const Target& target = transfer_.targets[segment.tensor];
  std::optional<SourceRun> run;  // the present chunk, where it stands so
  const auto end_of = [&](std::uint64_t begin, std::uint64_t limit) {
    if (!is_edited(segment.tensor)) run = direct_run(transfer_, target, begin, limit);
    return run ? begin + run->size : chunk_end(target, begin, limit, room_);
  };
  stream(segment, workers_.watch(), end_of, [&](std::uint64_t begin, std::uint64_t end) {
    fetch_sources(transfer_, target, begin, end, files_);
    if (!target.computed.empty()) fetch_operands(transfer_, target, plan_.recipes, begin, end, files_);
    const std::uint64_t position = target.region.offset + begin;
    const bool follows = worker.position + worker.filled == position;
    if (run || !follows || worker.filled + (end - begin) > kChunk) flush(shard, worker);
    if (run) return pass_on(segment.tensor, begin, *run, worker);
    if (worker.filled == 0) worker.position = position;
    gather_chunk(segment.tensor, begin, end, worker);
  });
  release_sources(transfer_, target, segment.begin, segment.end, files_);
}

void Execution::pass_on(std::uint32_t output, std::uint64_t begin, const SourceRun& run, Worker& worker) {
  const Region& source = transfer_.sources[run.source];
  const Region& target = transfer_.targets[output].region;
  const std::uint64_t from = source.offset + run.offset;
  const std::span<const std::byte> bytes = files_.bytes(source.file).subspan(from, run.size);
  if (hashes_.while_passing()) {
    files_.guarded(source.file, [&] {
      worker.output_hasher.feed(output, begin, bytes);
      worker.source_hasher.feed(run.source, run.offset, bytes);
    });
  }
  try {
    outputs_.write(target.file, target.offset + begin, bytes);
  } catch (const SystemError& error) {
    if (error.error_number() == EFAULT) files_.throw_lost_page(source.file);
    throw;
  }
  workers_.advance(run.size);
}

void Execution::gather_chunk(std::uint32_t output, std::uint64_t begin, std::uint64_t end, Worker& worker) {
  const std::span<std::byte> out(worker.buffer.at(worker.position) + worker.filled, end - begin);
  worker.runs.clear();
  gather(
      transfer_, transfer_.targets[output], begin, out, files_,
      [&](const SourceRun& run, std::span<const std::byte> bytes) { worker.runs.emplace_back(run, bytes); });
  try {
    worker.computer.compute(transfer_.targets[output], begin, out);
  } catch (const RefusedValue& value) {
    throw refused_value(value, plan_.outputs[output], source_);
  }
  const auto hash_sources = [&] {
    for (const auto& [run, bytes] : worker.runs) worker.source_hasher.feed(run.source, run.offset, bytes);
  };
  if (is_edited(output)) {
    if (hashes_.while_passing()) hash_sources();
    options_.edit->edit(output, begin, out);
    if (hashes_.while_passing()) worker.output_hasher.feed(output, begin, out, OutputHasher::Share::kNothing);
  } else if (hashes_.while_passing()) {
    worker.output_hasher.feed(output, begin, out);
    hash_sources();
  }
  worker.filled += out.size();
}

void Execution::flush(std::uint32_t shard, Worker& worker) {
  if (worker.filled == 0) return;
  outputs_.write(shard, worker.position, {worker.buffer.at(worker.position), worker.filled});
  workers_.advance(std::exchange(worker.filled, 0));
}

void Execution::hash_segment(const Segment& segment, Worker& worker) {
  const Region& region = transfer_.sources[segment.tensor];
  const std::span<const std::byte> bytes = files_.bytes(region.file).subspan(region.offset, region.bytes);
  files_.fetch_once(region.file, region.offset + segment.begin, segment.end - segment.begin);
  stream(segment, workers_.watch(), [&](std::uint64_t begin, std::uint64_t end) {
    files_.guarded(region.file, [&] {
      worker.source_hasher.feed(segment.tensor, begin, bytes.subspan(begin, end - begin));
    });
  });
}

void Execution::finish_shard(std::uint32_t shard) {
  sha256_.hash_shard(shard, files_, outputs_, workers_.watch());
  outputs_.finish(shard, options_.sync, workers_.watch());
  if (options_.log == nullptr) return;
  const FinishedShard finished = hashes_.finished(shard);
  const std::lock_guard lock(reporting_);
  options_.log->finished(finished);
}

}  // namespace

EngineResult execute(const Plan& plan, const Checkpoint& source, const std::filesystem::path& folder,
                     const EngineOptions& options, Observer& observer) {
  allow_open_files(source.shards.size() + plan.shards.size());
  return Execution(plan, source, folder, options, observer).run();
}

}  // namespace tenon
