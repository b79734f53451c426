#include "engine/schedule.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "engine/computed.h"
#include "engine/hash.h"

namespace tenon {
namespace {

constexpr std::uint64_t kLargestTask = 128 << 20;

// Large tasks waste little at their ends, small ones keep all threads busy to the end.
std::uint64_t task_size(std::uint64_t total, int threads) {
  const std::uint64_t share = total / (static_cast<std::uint64_t>(threads) * 16);
  return std::clamp<std::uint64_t>(share / kHashBlock * kHashBlock, kHashBlock, kLargestTask);
}

std::tuple<std::uint32_t, std::uint64_t> source_position(const Transfer& transfer, const Task& task) {
  const Segment& segment = task.segments.front();
  const Target& target = transfer.targets[segment.tensor];
  const auto [first, last] = pieces_within(target, segment.begin, segment.end);
  for (std::size_t i = first; i < last; ++i) {
    const BytePiece& piece = target.pieces[i];
    if (end_of(piece.box) <= segment.begin) continue;
    std::uint64_t offset = piece.box.source_offset;
    clip(piece.box, segment.begin, segment.begin + 1, [&](const Box& box) { offset = box.source_offset; });
    const Region& source = transfer.sources[piece.source];
    return {source.file, source.offset + offset};
  }
  const auto [first_computed, last_computed] = computed_within(target, segment.begin, segment.begin + 1);
  for (std::size_t i = first_computed; i < last_computed; ++i) {
    if (target.computed[i].operands.empty()) continue;
    ComputedOperand operand = target.computed[i].operands.front();
    clip(target.computed[i], segment.begin, segment.begin + target.computed[i].element_bytes,
         [&](const ComputedPiece& part) { operand = part.operands.front(); });
    const Region& source = transfer.sources[operand.source];
    return {source.file, source.offset + static_cast<std::uint64_t>(operand.offset) / 8};
  }
  return {0, 0};
}

std::vector<std::uint32_t> by_position(const std::vector<Region>& regions) {
  std::vector<std::uint32_t> order(regions.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return std::tie(regions[a].file, regions[a].offset) < std::tie(regions[b].file, regions[b].offset);
  });
  return order;
}

void add_task(Schedule& schedule, Task& task) {
  if (task.segments.empty()) return;
  schedule.lanes[task.lane].tasks.push_back(static_cast<std::uint32_t>(schedule.tasks.size()));
  schedule.tasks.push_back(std::move(task));
}

}  // namespace

std::vector<Segment> cut_into_blocks(const std::vector<Region>& regions, const std::vector<bool>& wanted) {
  std::vector<Segment> segments;
  for (const std::uint32_t index : by_position(regions)) {
    if (!wanted[index]) continue;
    const std::uint64_t bytes = regions[index].bytes;
    for (std::uint64_t begin = 0; begin < bytes; begin += kHashBlock) {
      segments.push_back({index, begin, std::min(bytes, begin + kHashBlock)});
    }
  }
  return segments;
}

Schedule schedule_fill(const Transfer& transfer, const std::vector<bool>& wanted, int threads) {
  const std::vector<std::uint32_t> order = by_position(regions_of(transfer.targets));
  std::uint64_t total = 0;
  for (const Target& target : transfer.targets) total += wanted[target.region.file] ? target.region.bytes : 0;
  const std::uint64_t size = task_size(total, threads);

  Schedule schedule;
  schedule.lanes.resize(wanted.size());
  Task task;
  for (const std::uint32_t index : order) {
    const Region& region = transfer.targets[index].region;
    if (!wanted[region.file]) continue;
    for (std::uint64_t begin = 0; begin < region.bytes;) {
      if (task.bytes >= size || task.lane != region.file) {
        add_task(schedule, task);
        task = {Task::Kind::kFill, region.file, {}, 0};
      }
      const std::uint64_t blocks = (size - task.bytes + kHashBlock - 1) / kHashBlock;
      const std::uint64_t end = std::min(region.bytes, begin + blocks * kHashBlock);
      task.segments.push_back({index, begin, end});
      task.bytes += end - begin;
      begin = end;
    }
  }
  add_task(schedule, task);

  for (Lane& lane : schedule.lanes) {
    std::stable_sort(lane.tasks.begin(), lane.tasks.end(), [&](std::uint32_t a, std::uint32_t b) {
      return source_position(transfer, schedule.tasks[a]) < source_position(transfer, schedule.tasks[b]);
    });
    if (!lane.tasks.empty()) {
      lane.source_file = std::get<0>(source_position(transfer, schedule.tasks[lane.tasks.front()]));
    }
  }
  return schedule;
}

void schedule_hash(Schedule& schedule, const std::vector<Region>& sources,
                   const std::vector<std::vector<std::uint64_t>>& blocks) {
  const std::vector<std::uint32_t> order = by_position(sources);
  const auto first_lane = static_cast<std::uint32_t>(schedule.lanes.size());
  Task task;
  for (const std::uint32_t index : order) {
    const Region& region = sources[index];
    for (const std::uint64_t block : blocks[index]) {
      const std::uint32_t lane = first_lane + region.file;
      if (task.bytes >= kHashBlock || task.lane != lane) {
        add_task(schedule, task);
        if (schedule.lanes.size() <= lane) schedule.lanes.resize(lane + 1);
        schedule.lanes[lane].source_file = region.file;
        task = {Task::Kind::kHash, lane, {}, 0};
      }
      const std::uint64_t begin = block * kHashBlock;
      const std::uint64_t end = std::min(region.bytes, begin + kHashBlock);
      task.segments.push_back({index, begin, end});
      task.bytes += end - begin;
    }
  }
  add_task(schedule, task);
}

TaskQueue::TaskQueue(const Schedule& schedule, int threads)
    : schedule_(schedule),
      threads_(static_cast<std::size_t>(threads)),
      lanes_(schedule.lanes.size()),
      order_(schedule.lanes.size()) {
  for (const Task& task : schedule.tasks) lanes_[task.lane].bytes_left += task.bytes;
  std::iota(order_.begin(), order_.end(), 0);
  std::stable_sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) {
    return schedule.lanes[a].source_file < schedule.lanes[b].source_file;
  });
}

// Lanes are taken in order, so that shards get finished and the source is read from front to back. Among the
// last ones the fullest goes first: they end together, and no thread is left to share a file with another.
std::optional<std::uint32_t> TaskQueue::take() {
  const std::lock_guard lock(mutex_);
  const auto is_open = [&](std::size_t lane) {
    return lanes_[lane].next < schedule_.lanes[lane].tasks.size();
  };
  while (first_open_ < order_.size() && !is_open(order_[first_open_])) ++first_open_;
  std::vector<std::size_t> open;
  for (std::size_t i = first_open_; i < order_.size() && open.size() < 2 * threads_; ++i) {
    if (is_open(order_[i])) open.push_back(order_[i]);
  }
  if (open.empty()) return std::nullopt;
  const bool last_ones = open.size() < 2 * threads_;
  const auto rank = [&](std::size_t lane) {
    return std::pair(lanes_[lane].running, last_ones ? ~lanes_[lane].bytes_left : 0);
  };
  const std::size_t best = *std::min_element(open.begin(), open.end(),
                                             [&](std::size_t a, std::size_t b) { return rank(a) < rank(b); });
  State& lane = lanes_[best];
  ++lane.running;
  const std::uint32_t task = schedule_.lanes[best].tasks[lane.next++];
  lane.bytes_left -= schedule_.tasks[task].bytes;
  return task;
}

bool TaskQueue::done(std::uint32_t task) {
  const std::lock_guard lock(mutex_);
  const std::size_t index = schedule_.tasks[task].lane;
  return --lanes_[index].running == 0 && lanes_[index].next == schedule_.lanes[index].tasks.size();
}

}  // namespace tenon
