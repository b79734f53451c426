// How a transfer is cut into tasks and in which order threads take them. Two threads that write to one file
// wait for each other, so threads spread over the shards first; within a shard, tasks follow the source.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "engine/transfer.h"

namespace tenon {

/// Bytes begin..end of a target; in a hashing task, of a source.
struct Segment {
  std::uint32_t tensor = 0;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// The regions for which `wanted` holds, cut at hash blocks, in the order of the files.
std::vector<Segment> cut_into_blocks(const std::vector<Region>& regions, const std::vector<bool>& wanted);

struct Task {
  enum class Kind { kFill, kHash };
  Kind kind = Kind::kFill;
  std::uint32_t lane = 0;
  /// by rising offset in one file; tensors are cut between hash blocks only
  std::vector<Segment> segments;
  std::uint64_t bytes = 0;
};

/// The tasks of one file, in the order in which they are taken.
struct Lane {
  /// where its first task reads
  std::uint32_t source_file = 0;
  std::vector<std::uint32_t> tasks;
};

struct Schedule {
  std::vector<Task> tasks;
  std::vector<Lane> lanes;
};

/// Tasks that fill the targets of files for which `wanted` holds: lane i is file i.
Schedule schedule_fill(const Transfer& transfer, const std::vector<bool>& wanted, int threads);

/// Adds tasks that hash whole blocks of sources, in lanes of their own. `blocks[i]` are those of source i.
void schedule_hash(Schedule& schedule, const std::vector<Region>& sources,
                   const std::vector<std::vector<std::uint64_t>>& blocks);

/// Hands out tasks to threads.
class TaskQueue {
 public:
  TaskQueue(const Schedule& schedule, int threads);

  /// The next task, of the lane in which the fewest threads work; nothing when all are taken.
  std::optional<std::uint32_t> take();

  /// A task is done. True when it was the last of its lane.
  bool done(std::uint32_t task);

 private:
  struct State {
    std::size_t next = 0;
    std::size_t running = 0;
    std::uint64_t bytes_left = 0;
  };

  const Schedule& schedule_;
  std::size_t threads_;
  std::vector<State> lanes_;
  /// of the lanes, by where they read
  std::vector<std::size_t> order_;
  /// in order_
  std::size_t first_open_ = 0;
  std::mutex mutex_;
};

}  // namespace tenon
